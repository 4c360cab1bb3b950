//! [`Routes`]: a router that knows what it serves. Every route of the server is added here and nowhere
//! else, so that a rule for all of them can be held against all of them.

use axum::Router;
use axum::handler::Handler;
use axum::middleware::from_fn;
use axum::routing::{MethodFilter, on};

use super::gate::{self, Need};
use crate::handle::ServerHandle;

/// Routes, and the list of them.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    pub(super) router: Router<ServerHandle>,
    /// Method, path and need of each.
    pub(super) known: Vec<(&'static str, &'static str, Need)>,
}

impl Routes {
    pub(crate) fn get<H, T>(self, path: &'static str, need: Need, handler: H) -> Self
    where
        H: Handler<T, ServerHandle>,
        T: 'static,
    {
        self.add(("GET", MethodFilter::GET), path, need, handler)
    }

    pub(crate) fn post<H, T>(self, path: &'static str, need: Need, handler: H) -> Self
    where
        H: Handler<T, ServerHandle>,
        T: 'static,
    {
        self.add(("POST", MethodFilter::POST), path, need, handler)
    }

    pub(crate) fn delete<H, T>(self, path: &'static str, need: Need, handler: H) -> Self
    where
        H: Handler<T, ServerHandle>,
        T: 'static,
    {
        self.add(("DELETE", MethodFilter::DELETE), path, need, handler)
    }

    /// Puts layers around what is there.
    pub(crate) fn within(
        self,
        wrap: impl FnOnce(Router<ServerHandle>) -> Router<ServerHandle>,
    ) -> Self {
        let router = wrap(self.router);
        Self { router, ..self }
    }

    pub(super) fn merge(mut self, other: Self) -> Self {
        self.known.extend(other.known);
        let router = self.router.merge(other.router);
        Self { router, ..self }
    }

    fn add<H, T>(
        mut self,
        (method, filter): (&'static str, MethodFilter),
        path: &'static str,
        need: Need,
        handler: H,
    ) -> Self
    where
        H: Handler<T, ServerHandle>,
        T: 'static,
    {
        let rule = ((method, path), need);
        self.known.push((method, path, need));
        let checked = from_fn(move |request, next| gate::check(rule, request, next));
        let router = self.router.route(path, on(filter, handler).layer(checked));
        Self { router, ..self }
    }
}
