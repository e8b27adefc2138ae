//! What `details` promises, tried out: the errors of the real library, through the layer.

use std::{
    future::{poll_fn, ready},
    pin::Pin,
};

use hyper::body::Body as _;
use jackdaw_proto::wire::RemoteError;
use tonic::service::Routes;
use tonic_health::pb::HealthCheckRequest;
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_request::MessageRequest,
};
use tonic_types::StatusExt as _;
use tower::{ServiceExt as _, service_fn};

use super::*;

const CHECK: &str = "/grpc.health.v1.Health/Check";
const REFLECT: &str = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";

fn routes() -> Routes {
    let (_, health) = tonic_health::server::health_reporter();
    let reflection = tonic_reflection::server::Builder::configure().build_v1().unwrap();
    Routes::new(health).add_service(reflection).prepare()
}

/// A message as it is sent, of `bytes` bytes by its head.
fn framed(bytes: u32, message: &[u8]) -> String {
    let mut frame = vec![0];
    frame.extend(bytes.to_be_bytes());
    frame.extend(message);
    String::from_utf8(frame).unwrap()
}

fn whole(message: &impl prost::Message) -> String {
    let message = message.encode_to_vec();
    framed(u32::try_from(message.len()).unwrap(), &message)
}

/// A request of the method at `path`.
fn request(path: &str, body: String) -> Request<Body> {
    let request = Request::post(path).header("content-type", "application/grpc");
    request.body(Body::new(body)).unwrap()
}

/// The headers that hold the status: those of the answer, or its trailers. With the bytes of data
/// before it.
async fn end<S>(service: S, request: Request<Body>) -> (HeaderMap, usize)
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    let (parts, mut body) = Details::new(service).oneshot(request).await.unwrap().into_parts();
    let mut bytes = 0;
    if parts.headers.contains_key("grpc-status") {
        return (parts.headers, bytes);
    }
    loop {
        let frame = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await.unwrap().unwrap();
        match frame.into_data() {
            Ok(data) => bytes += data.len(),
            Err(frame) => return (frame.into_trailers().unwrap(), bytes),
        }
    }
}

/// The error of a call to the library's own services, whose code and details must be `reason`'s.
async fn error(request: Request<Body>, reason: Reason) -> RemoteError {
    let path = request.uri().path().to_owned();
    let (headers, _) = end(routes(), request).await;
    let status = Status::from_header_map(&headers).unwrap();
    let info = status.get_error_details();
    let info = info.error_info().unwrap();
    assert_eq!((&*info.domain, &*info.reason), ("jackdaw", reason.as_str()), "{status:?}");
    assert_eq!(info.metadata["method"], path);
    assert_eq!(status.code(), reason.code());
    RemoteError::from_status(&status)
}

#[tokio::test]
async fn a_request_that_is_no_message_is_malformed() {
    // A text of 127 bytes, of which none is there.
    let request = request(CHECK, framed(2, &[0x0a, 0x7f]));
    let error = error(request, Reason::RequestMalformed).await;
    assert_eq!(error.code, Code::Internal);
    assert!(error.message.starts_with("cannot read the request: failed to decode"), "{error:?}");
    assert!(error.metadata["cause"].starts_with("failed to decode"), "{error:?}");
}

#[tokio::test]
async fn so_is_one_that_ends_too_early_or_breaks_the_framing() {
    error(request(CHECK, framed(9, &[0x0a])), Reason::RequestMalformed).await;
    error(request(CHECK, String::new()), Reason::RequestMalformed).await;
    error(request(CHECK, "\u{7}\0\0\0\0".to_owned()), Reason::RequestMalformed).await;
    error(request(CHECK, "\u{1}\0\0\0\0".to_owned()), Reason::RequestMalformed).await;
}

#[tokio::test]
async fn a_message_that_is_too_large_is_told_how_large_it_may_be() {
    let error = error(request(CHECK, framed(5 << 20, &[])), Reason::MessageTooLarge).await;
    assert_eq!(error.code, Code::OutOfRange);
    assert_eq!(error.metadata["bytes"], "5242880");
    assert_eq!(error.metadata["bytes_max"], "4194304");
}

#[tokio::test]
async fn a_compression_that_is_not_taken_is_named_and_what_is_taken_stays() {
    let mut request = request(CHECK, whole(&HealthCheckRequest::default()));
    request.headers_mut().insert("grpc-encoding", "gzip".parse().unwrap());
    let (headers, _) = end(routes(), request).await;
    assert_eq!(headers["grpc-accept-encoding"], "identity");
    let status = Status::from_header_map(&headers).unwrap();
    assert_eq!(status.code(), Code::Unimplemented);
    let error = RemoteError::from_status(&status);
    assert_eq!(error.known(), Some(Reason::CompressionUnsupported));
    assert_eq!(error.metadata["encoding"], "gzip");
}

#[tokio::test]
async fn a_service_that_health_does_not_know_is_not_found() {
    let asked = HealthCheckRequest { service: "a.B".to_owned() };
    error(request(CHECK, whole(&asked)), Reason::ServiceNotFound).await;
    let watch = "/grpc.health.v1.Health/Watch";
    error(request(watch, whole(&asked)), Reason::ServiceNotFound).await;
}

#[tokio::test]
async fn a_method_that_its_service_does_not_have_is_unknown() {
    for path in ["/grpc.health.v1.Health/Chek", "/a.B/C"] {
        let error = error(request(path, String::new()), Reason::MethodUnknown).await;
        assert_eq!(error.message, format!("there is no method {path}"));
    }
}

#[tokio::test]
async fn trailers_have_details_too() {
    let ask = |asked| ServerReflectionRequest { host: String::new(), message_request: asked };
    let symbol = MessageRequest::FileContainingSymbol("a.B".to_owned());
    let unknown = whole(&ask(Some(symbol)));
    let found = error(request(REFLECT, unknown.clone()), Reason::DescriptorNotFound).await;
    assert_eq!(found.message, "symbol 'a.B' not found");
    let empty = error(request(REFLECT, whole(&ask(None))), Reason::FieldInvalid).await;
    assert_eq!(empty.violations[0].path, "message_request");

    // After an answer, which passes.
    let list = whole(&ask(Some(MessageRequest::ListServices(String::new()))));
    let (headers, bytes) = end(routes(), request(REFLECT, list + &unknown)).await;
    let status = Status::from_header_map(&headers).unwrap();
    assert!(RemoteError::from_status(&status).is(Reason::DescriptorNotFound), "{status:?}");
    assert!(bytes > 20, "{bytes}");
}

#[tokio::test]
async fn what_is_no_error_or_has_details_stays_as_it_is() {
    let (headers, bytes) = end(routes(), request(CHECK, framed(0, &[]))).await;
    assert_eq!((&headers["grpc-status"], headers.len()), (&"0".parse().unwrap(), 1));
    assert_eq!(bytes, 5 + 2);

    let own = Status::from(WireError::new(Reason::DiskFull, "no space").with("path", "/data"));
    let mut expected = HeaderMap::new();
    own.add_header(&mut expected).unwrap();
    let answer = service_fn(move |_: Request<Body>| ready(Ok(own.clone().into_http())));
    let (mut headers, _) = end(answer, request(CHECK, String::new())).await;
    headers.remove("content-type");
    assert_eq!(headers, expected);
}

#[tokio::test]
async fn a_code_that_nothing_is_known_to_use_still_has_a_reason() {
    for (code, reason) in [
        (Code::Cancelled, Reason::ConnectionLost),
        (Code::Unknown, Reason::ConnectionLost),
        (Code::DataLoss, Reason::Internal),
    ] {
        let answer =
            service_fn(move |_: Request<Body>| ready(Ok(Status::new(code, "x").into_http())));
        let (headers, _) = end(answer, request(CHECK, String::new())).await;
        let status = Status::from_header_map(&headers).unwrap();
        assert!(RemoteError::from_status(&status).is(reason), "{status:?}");
    }
}
