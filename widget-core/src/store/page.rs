//! Pages end by number and by size.

/// What the rows of one page or look may carry, in bytes: inputs, outputs and timelines of tasks,
/// schemas of agents. The row that goes beyond it is the page's last, so that each page has one at
/// least.
pub const PAGE_BYTES: usize = 4 * 1024 * 1024;

/// For stores: takes rows until there are `limit` of them or they carry [`PAGE_BYTES`], and says
/// whether there is another. No more than that one is taken beyond the page.
///
/// # Errors
/// The first of the rows', if they have one.
pub fn fill_page<T, E>(
    rows: impl IntoIterator<Item = Result<T, E>>,
    limit: usize,
    size: impl Fn(&T) -> usize,
) -> Result<(Vec<T>, bool), E> {
    let (mut page, mut carried) = (Vec::new(), 0_usize);
    for row in rows {
        let row = row?;
        if page.len() >= limit || carried >= PAGE_BYTES {
            return Ok((page, true));
        }
        carried = carried.saturating_add(size(&row));
        page.push(row);
    }
    Ok((page, false))
}
