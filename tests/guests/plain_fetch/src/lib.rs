//! Exports one plain function that fetches a page with `wasi:http`, as components for other hosts do.

mod bindings {
    wit_bindgen::generate!({ path: "wit", world: "fetch" });
}

use wasip2::http::outgoing_handler;
use wasip2::http::types::{Fields, OutgoingRequest, Scheme};

struct Fetch;

bindings::export!(Fetch with_types_in bindings);

impl bindings::Guest for Fetch {
    fn fetch_page(authority: String, path: String) -> Result<String, String> {
        let request = OutgoingRequest::new(Fields::new());
        let set = request.set_scheme(Some(&Scheme::Http));
        set.and_then(|()| request.set_authority(Some(&authority)))
            .and_then(|()| request.set_path_with_query(Some(&path)))
            .map_err(|()| "no URL is made of that".to_owned())?;
        let response = outgoing_handler::handle(request, None).map_err(|err| err.to_string())?;
        response.subscribe().block();
        let response =
            response.get().and_then(Result::ok).ok_or("there is no answer")?.map_err(|err| err.to_string())?;
        let body = response.consume().map_err(|()| "there is no body".to_owned())?;
        let stream = body.stream().map_err(|()| "there is no body".to_owned())?;
        let bytes = stream.blocking_read(4096).map_err(|err| err.to_string())?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}
