//! [`Addressee`]: what every request to one server says in its headers, and the path that it goes
//! to.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue, USER_AGENT};
use hyper::{Request, Uri};
use widget_core::codec::ErasedCodec;
use widget_core::transport::TransportError;

use crate::answer::broken;
use crate::url::HttpUrl;

const OURSELVES: &str = concat!("widget/", env!("CARGO_PKG_VERSION"));

#[derive(Debug, Clone)]
pub(crate) struct Addressee {
    host: HeaderValue,
    content_type: HeaderValue,
    session: Option<HeaderValue>,
    prefix: String,
}

impl Addressee {
    pub(crate) fn new(url: &HttpUrl, codec: &dyn ErasedCodec) -> Result<Self, TransportError> {
        Ok(Self {
            host: HeaderValue::from_str(&url.authority()).map_err(broken)?,
            content_type: HeaderValue::from_static(codec.content_type()),
            session: None,
            prefix: url.prefix().to_owned(),
        })
    }

    /// The same, with what proves who asks.
    pub(crate) fn with_session(mut self, session: &str) -> Result<Self, TransportError> {
        if session.is_empty() {
            return Err(broken("the welcome says no session"));
        }
        let mut value = HeaderValue::from_str(&format!("Widget {session}"))
            .map_err(|_| broken("the session in the welcome does not fit into a header"))?;
        // Never in a log.
        value.set_sensitive(true);
        self.session = Some(value);
        Ok(self)
    }

    /// A request to this path, one of [`ROOT`](crate::ROOT).
    pub(crate) fn request(
        &self,
        path: &str,
        body: Bytes,
    ) -> Result<Request<Full<Bytes>>, TransportError> {
        let uri = Uri::try_from(format!("{}{path}", self.prefix)).map_err(broken)?;
        let mut request = Request::post(uri)
            .header(HOST, self.host.clone())
            .header(USER_AGENT, HeaderValue::from_static(OURSELVES))
            .header(CONTENT_TYPE, self.content_type.clone());
        if let Some(session) = &self.session {
            request = request.header(AUTHORIZATION, session.clone());
        }
        request.body(Full::new(body)).map_err(broken)
    }
}

#[cfg(test)]
mod tests {
    use widget_core::codec::Bincode;

    use super::*;

    #[test]
    fn a_request_says_where_what_and_who() {
        let url = "http://a:9005/x".parse().unwrap();
        let to = Addressee::new(&url, &Bincode).unwrap();
        let request = to.request("/agent/v2/hello", Bytes::new()).unwrap();
        assert_eq!(request.uri(), "/x/agent/v2/hello");
        assert_eq!(request.headers()[HOST], "a:9005");
        assert_eq!(
            request.headers()[CONTENT_TYPE],
            "application/vnd.widget.bincode"
        );
        assert!(!request.headers().contains_key(AUTHORIZATION));
        let to = to.with_session("s3cret").unwrap();
        let request = to.request("/agent/v2/submit", Bytes::new()).unwrap();
        assert_eq!(request.headers()[AUTHORIZATION], "Widget s3cret");
        assert!(!format!("{to:?}").contains("s3cret"));
    }

    #[test]
    fn a_session_that_is_none_is_refused() {
        let url = "http://a".parse().unwrap();
        let to = Addressee::new(&url, &Bincode).unwrap();
        assert!(to.clone().with_session("").is_err());
        assert!(to.with_session("a\r\nb: c").is_err());
    }
}
