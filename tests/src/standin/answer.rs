//! The way from a request's bytes to those of its answer: decoding, dispatch, encoding, and the faults of whole answers.

use anyhow::{Context, anyhow};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka_protocol::{
    messages::{RequestHeader, ResponseHeader},
    protocol::{Encodable, HeaderVersion, Request, decode_request_header_from_buffer},
};

use super::{
    api,
    cluster::Cluster,
    fault::{Effect, FaultSite, Faults},
    protocol::Api,
    server::Shared,
};

/// The action on the connection that follows a request.
#[derive(Debug)]
pub(crate) enum Reply {
    Send(BytesMut),
    SendAndClose(BytesMut),
    /// No answer is sent, since the request wants none.
    Silence,
}

/// One request, with the state that its answer is made from.
#[derive(Debug)]
pub(crate) struct RequestContext<'a> {
    pub(crate) cluster: &'a Cluster,
    pub(crate) node: i32,
    pub(crate) version: i16,
    faults: &'a Faults,
}

/// A request whose header has been read.
#[derive(Debug)]
pub(crate) struct RequestHead {
    pub(crate) api: Api,
    pub(crate) node: i32,
    pub(crate) version: i16,
    pub(crate) correlation_id: i32,
    pub(crate) faults: Faults,
}

/// Answers the request in `frame`, sent to `node`.
///
/// # Errors
/// The request cannot be decoded, or its API or version is not supported. The connection is then closed, as a broker would do.
pub(crate) async fn to(shared: &Shared, node: i32, mut frame: Bytes) -> anyhow::Result<Reply> {
    let key = frame.slice(..2).get_i16();
    let version = frame.slice(2..4).get_i16();
    let api = Api::from_key(key).ok_or_else(|| anyhow!("request {key} is not answered"))?;
    let (oldest, newest) = api.versions();
    if api == Api::ApiVersions && !(oldest..=newest).contains(&version) {
        let correlation_id = frame.slice(4..8).get_i32();
        return encode(correlation_id, 0, &api::versions::unsupported()).map(Reply::Send);
    }
    if !(oldest..=newest).contains(&version) {
        return Err(anyhow!("{api:?} version {version} is not answered"));
    }
    let header: RequestHeader = decode_request_header_from_buffer(&mut frame)?;
    let faults = Faults::of(&shared.faults.borrow(), api, node);
    let correlation_id = header.correlation_id;
    let asked = RequestHead {
        api,
        node,
        version,
        correlation_id,
        faults,
    };
    let answer = api::dispatch(shared, &asked, frame).await;
    let answer = answer.with_context(|| format!("{api:?} version {version}"))?;
    spoil(shared, asked, answer).await
}

/// Applies the faults that concern the answer as a whole.
async fn spoil(
    shared: &Shared,
    asked: RequestHead,
    answer: Option<BytesMut>,
) -> anyhow::Result<Reply> {
    let effects = asked.faults.effects();
    let struck = asked.faults.into_struck();
    if !struck.is_empty() {
        shared
            .request_counts
            .send_modify(|request_counts| request_counts.struck(asked.api, &struck));
    }
    let Some(mut answer) = answer else {
        return Ok(Reply::Silence);
    };
    for effect in effects {
        match effect {
            Effect::Code(_) => {}
            Effect::Delay(delay) => tokio::time::sleep(delay).await,
            Effect::Stall => std::future::pending().await,
            Effect::Close => {
                answer.truncate(answer.len() / 2);
                return Ok(Reply::SendAndClose(answer));
            }
            Effect::Truncate => {
                answer.truncate((answer.len() / 2).max(8));
                set_length(&mut answer)?;
            }
            // The length and the correlation id stay, so that the client takes the corrupt bytes for the answer.
            Effect::Corrupt => answer[8..].iter_mut().for_each(|byte| *byte = !*byte),
            Effect::CorrelationId => {
                let wrong = asked.correlation_id.wrapping_add(1_000_000);
                answer[4..8].copy_from_slice(&wrong.to_be_bytes());
            }
        }
    }
    Ok(Reply::Send(answer))
}

/// Encodes an answer with its length and header.
pub(crate) fn encode<R>(correlation_id: i32, version: i16, answer: &R) -> anyhow::Result<BytesMut>
where
    R: Encodable + HeaderVersion,
{
    let mut bytes = BytesMut::with_capacity(256);
    bytes.put_i32(0);
    let header = ResponseHeader::default().with_correlation_id(correlation_id);
    header.encode(&mut bytes, R::header_version(version))?;
    answer.encode(&mut bytes, version)?;
    set_length(&mut bytes)?;
    Ok(bytes)
}

fn set_length(answer: &mut BytesMut) -> anyhow::Result<()> {
    let length = u32::try_from(answer.len() - 4)?;
    answer[..4].copy_from_slice(&length.to_be_bytes());
    Ok(())
}

// === impl RequestContext ===

impl RequestContext<'_> {
    /// Returns the error code that a fault puts at this place, 0 if there is none.
    pub(crate) fn fault(&self, place: FaultSite<'_>) -> i16 {
        self.faults.code_at(place)
    }
}

// === impl RequestHead ===

impl RequestHead {
    /// Returns the request together with the cluster as it is now.
    pub(crate) fn of<'a>(&'a self, cluster: &'a Cluster) -> RequestContext<'a> {
        RequestContext {
            cluster,
            node: self.node,
            version: self.version,
            faults: &self.faults,
        }
    }

    /// Decodes the body, lets `answer` make the answer from the cluster as it is now, and encodes that.
    pub(crate) fn answered_by<R: Request>(
        &self,
        shared: &Shared,
        body: &mut Bytes,
        answer: impl FnOnce(&RequestContext<'_>, &R) -> R::Response,
    ) -> anyhow::Result<Option<BytesMut>> {
        let request = R::decode(body, self.version)?;
        let answer = answer(&self.of(&shared.cluster.borrow()), &request);
        encode(self.correlation_id, self.version, &answer).map(Some)
    }

    /// Decodes the body, lets `answer` change the cluster and make the answer, and encodes the answer.
    pub(crate) fn changed_by<R: Request>(
        &self,
        shared: &Shared,
        body: &mut Bytes,
        answer: impl FnOnce(&Self, &mut Cluster, R) -> R::Response,
    ) -> anyhow::Result<Option<BytesMut>> {
        let request = R::decode(body, self.version)?;
        let mut answered = None;
        shared
            .cluster
            .send_modify(|cluster| answered = Some(answer(self, cluster, request)));
        answered
            .map(|answer| encode(self.correlation_id, self.version, &answer))
            .transpose()
    }
}
