//! Group members that send Kafka's requests themselves. A client library would not let a member store arbitrary bytes as its assignment.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use e2e::lab;
use e2e::lab::raw_kafka::{Connection, ask};
use kafka_protocol::{
    messages::{
        ConsumerProtocolAssignment, GroupId, JoinGroupRequest, OffsetCommitRequest, RequestHeader,
        SyncGroupRequest, TopicName,
        consumer_protocol_assignment::TopicPartition,
        join_group_request::JoinGroupRequestProtocol,
        offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic},
        sync_group_request::SyncGroupRequestAssignment,
    },
    protocol::{Encodable, StrBytes},
};

/// The client id of every request.
pub(crate) const CLIENT: &str = "questions";

/// The session timeout: longer than any test, and below the broker's `group.max.session.timeout.ms`.
const SESSION_MS: i32 = 1_700_000;
const WAIT_LIMIT: Duration = Duration::from_secs(60);

/// The key and version of `StreamsGroupHeartbeat` of KIP-1071, for which the protocol library has no type.
const STREAMS_HEARTBEAT: (i16, i16) = (88, 0);

/// A member that has joined. It stays in the group until its session times out.
pub(crate) struct Member {
    bootstrap: String,
    group: String,
    id: StrBytes,
    generation: i32,
}

/// Returns the bytes of an assignment of one partition, as Kafka's consumers store it.
pub(crate) fn assignment(topic: &str, partition: i32) -> Result<Vec<u8>> {
    let one = TopicPartition::default()
        .with_topic(TopicName(text(topic)))
        .with_partitions(vec![partition]);
    let message = ConsumerProtocolAssignment::default().with_assigned_partitions(vec![one]);
    let mut bytes = BytesMut::new();
    bytes.put_i16(0);
    message.encode(&mut bytes, 0)?;
    Ok(bytes.to_vec())
}

/// Commits offsets for a group without being its member.
pub(crate) fn commit(
    bootstrap: &str,
    group: &str,
    topic: &str,
    offsets: &[(i32, i64)],
) -> Result<()> {
    let nobody = Member {
        bootstrap: bootstrap.to_owned(),
        group: group.to_owned(),
        id: StrBytes::new(),
        generation: -1,
    };
    nobody.commit(topic, offsets)
}

fn text(value: &str) -> StrBytes {
    StrBytes::from_string(value.to_owned())
}

// === impl Member ===

impl Member {
    /// Joins `group` alone, which makes it the leader, and stores `assignment` for itself.
    pub(crate) fn join(
        bootstrap: &str,
        group: &str,
        protocol_type: &str,
        assignment: &[u8],
    ) -> Result<Self> {
        let protocol = JoinGroupRequestProtocol::default()
            .with_name(text("range"))
            .with_metadata(Bytes::from_static(&[
                0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff,
            ]));
        let request = JoinGroupRequest::default()
            .with_group_id(GroupId(text(group)))
            .with_session_timeout_ms(SESSION_MS)
            .with_rebalance_timeout_ms(SESSION_MS)
            .with_protocol_type(text(protocol_type))
            .with_protocols(vec![protocol]);
        // Version 3 of `JoinGroup` is the last in which a member gets its id at once.
        let joined = lab::wait_for("a member to join", WAIT_LIMIT, || {
            let answer = ask(bootstrap, 3, &request)?;
            ensure!(answer.error_code == 0, "JoinGroup {}", answer.error_code);
            Ok(answer)
        })?;
        let own = SyncGroupRequestAssignment::default()
            .with_member_id(joined.member_id.clone())
            .with_assignment(Bytes::copy_from_slice(assignment));
        let request = SyncGroupRequest::default()
            .with_group_id(GroupId(text(group)))
            .with_generation_id(joined.generation_id)
            .with_member_id(joined.member_id.clone())
            .with_assignments(vec![own]);
        let answer = ask(bootstrap, 2, &request)?;
        ensure!(answer.error_code == 0, "SyncGroup {}", answer.error_code);
        Ok(Self {
            bootstrap: bootstrap.to_owned(),
            group: group.to_owned(),
            id: joined.member_id,
            generation: joined.generation_id,
        })
    }

    /// Commits offsets of `topic` as this member; each offset is given with its partition.
    pub(crate) fn commit(&self, topic: &str, offsets: &[(i32, i64)]) -> Result<()> {
        let partitions = offsets.iter().map(|(partition, offset)| {
            OffsetCommitRequestPartition::default()
                .with_partition_index(*partition)
                .with_committed_offset(*offset)
        });
        let topic = OffsetCommitRequestTopic::default()
            .with_name(TopicName(text(topic)))
            .with_partitions(partitions.collect());
        let request = OffsetCommitRequest::default()
            .with_group_id(GroupId(text(&self.group)))
            .with_generation_id_or_member_epoch(self.generation)
            .with_member_id(self.id.clone())
            .with_topics(vec![topic]);
        lab::wait_for("a commit", WAIT_LIMIT, || {
            let answer = ask(&self.bootstrap, 9, &request)?;
            let codes = answer.topics.iter().flat_map(|topic| &topic.partitions);
            let codes: Vec<i16> = codes.map(|partition| partition.error_code).collect();
            ensure!(
                codes.iter().all(|code| *code == 0),
                "OffsetCommit {codes:?}"
            );
            Ok(())
        })
    }
}

/// Joins a Streams group that reads `topic`.
pub(crate) fn join_streams(bootstrap: &str, group: &str, topic: &str) -> Result<Member> {
    let member_id = format!("{group}-member");
    let frame = streams_heartbeat(group, &member_id, topic)?;
    lab::wait_for("a Streams member to join", WAIT_LIMIT, || {
        let mut answer = Connection::to(bootstrap)?.exchange(&frame)?;
        // An answer begins with correlation id, tags, throttle time and error code.
        ensure!(answer.remaining() > 11, "a short answer: {answer:?}");
        answer.advance(4 + 1 + 4);
        let code = answer.get_i16();
        ensure!(code == 0, "StreamsGroupHeartbeat {code}: {answer:?}");
        Ok(())
    })?;
    Ok(Member {
        bootstrap: bootstrap.to_owned(),
        group: group.to_owned(),
        id: text(&member_id),
        generation: 1,
    })
}

fn streams_heartbeat(group: &str, member_id: &str, topic: &str) -> Result<BytesMut> {
    let (key, version) = STREAMS_HEARTBEAT;
    let header = RequestHeader::default()
        .with_request_api_key(key)
        .with_request_api_version(version)
        .with_correlation_id(1)
        .with_client_id(Some(text(CLIENT)));
    let mut frame = BytesMut::new();
    header.encode(&mut frame, 2)?;
    put_string(&mut frame, group)?;
    put_string(&mut frame, member_id)?;
    frame.put_i32(0); // MemberEpoch: it joins
    frame.put_i32(0); // EndpointInformationEpoch
    frame.put_u8(0); // InstanceId
    frame.put_u8(0); // RackId
    frame.put_i32(SESSION_MS); // RebalanceTimeoutMs
    frame.put_u8(1); // Topology: there is one
    frame.put_i32(1); // its epoch
    frame.put_u8(2); // one subtopology
    put_string(&mut frame, "0")?;
    frame.put_u8(2); // one source topic
    put_string(&mut frame, topic)?;
    // Empty SourceTopicRegex, StateChangelogTopics, RepartitionSinkTopics, RepartitionSourceTopics and CopartitionGroups.
    frame.put_slice(&[1; 5]);
    frame.put_u8(0); // tags of the subtopology
    frame.put_u8(0); // tags of the topology
    frame.put_slice(&[1; 3]); // ActiveTasks, StandbyTasks, WarmupTasks
    put_string(&mut frame, "process")?;
    frame.put_i8(-1); // UserEndpoint
    frame.put_u8(1); // ClientTags
    frame.put_slice(&[0; 2]); // TaskOffsets, TaskEndOffsets
    frame.put_u8(0); // ShutdownApplication
    frame.put_u8(0); // tags
    Ok(frame)
}

/// Appends a compact string of Kafka's protocol: one byte for its length plus one, then its bytes.
fn put_string(frame: &mut BytesMut, value: &str) -> Result<()> {
    let length = u8::try_from(value.len() + 1).ok().filter(|n| *n < 0x80);
    frame.put_u8(length.context("a long string")?);
    frame.put_slice(value.as_bytes());
    Ok(())
}
