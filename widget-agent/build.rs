//! Has the program linked smaller in the profile `min-size`, where the linker knows how. Any other
//! profile is left alone, and so is a linker that does not know the flags.

use std::env;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=link/min-size.ld");
    let out = variable("OUT_DIR");
    let out = Path::new(&out);
    if !is_min_size(out) || variable("CARGO_CFG_TARGET_OS") != "linux" {
        return;
    }
    let script = Path::new(&variable("CARGO_MANIFEST_DIR")).join("link/min-size.ld");
    let flags = [
        // Relocations take two bytes or less, not 24. The dynamic linker of glibc knows them since
        // 2.36, that of musl since 1.2.4.
        "-Wl,-z,pack-relative-relocs".to_owned(),
        // Functions with the same code become one.
        "-Wl,--icf=all".to_owned(),
        "-Wl,--build-id=none".to_owned(),
        ["-Wl,-T,", &script.to_string_lossy()].concat(),
    ];
    if links(out, &flags) {
        for flag in flags {
            println!("cargo::rustc-link-arg-bin=widget-agent={flag}");
        }
    }
}

/// Whether this is the profile `min-size`, which aborts on a panic. A build script is told the name
/// only by its path.
fn is_min_size(out: &Path) -> bool {
    variable("OPT_LEVEL") == "z" && out.components().any(|part| part.as_os_str() == "min-size")
}

/// Whether an empty program can be linked with these flags.
fn links(out: &Path, flags: &[String]) -> bool {
    let source = out.join("empty.rs");
    if fs::write(&source, "fn main() {}\n").is_err() {
        return false;
    }
    let mut rustc = Command::new(variable("RUSTC"));
    rustc.arg("--target").arg(variable("TARGET"));
    rustc.args(["-C", "panic=abort"]);
    let linker = variable("RUSTC_LINKER");
    if !linker.is_empty() {
        rustc.arg(["-Clinker=", &linker].concat());
    }
    let own = variable("CARGO_ENCODED_RUSTFLAGS");
    rustc.args(own.split('\x1f').filter(|flag| !flag.is_empty()));
    rustc.args(flags.iter().map(|flag| ["-Clink-arg=", flag].concat()));
    rustc.arg("-o").arg(out.join("empty")).arg(&source);
    let status = rustc.stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_default()
}
