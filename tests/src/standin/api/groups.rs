//! `FindCoordinator` and `ListGroups`: the groups and their coordinators.

use kafka_protocol::{
    messages::{
        BrokerId, FindCoordinatorRequest, FindCoordinatorResponse, GroupId, ListGroupsRequest,
        ListGroupsResponse, find_coordinator_response, list_groups_response::ListedGroup,
    },
    protocol::StrBytes,
};

use crate::standin::{
    answer::RequestContext,
    cluster::{Coordinator, Group, Standing},
    code,
    fault::FaultSite,
    protocol::text,
};

/// The first version of `FindCoordinator` in which a request may ask for several groups.
const FIRST_OF_SEVERAL: i16 = 4;

pub(crate) fn find_coordinator(
    context: &RequestContext<'_>,
    request: &FindCoordinatorRequest,
) -> FindCoordinatorResponse {
    let answer = FindCoordinatorResponse::default();
    if context.version >= FIRST_OF_SEVERAL {
        let keys = request.coordinator_keys.iter();
        let found = keys.map(|key| coordinator_of(context, key, request.key_type));
        return answer.with_coordinators(found.collect());
    }
    let found = coordinator_of(context, &request.key, request.key_type);
    answer
        .with_error_code(found.error_code)
        .with_error_message(found.error_message)
        .with_node_id(found.node_id)
        .with_host(found.host)
        .with_port(found.port)
}

fn coordinator_of(
    context: &RequestContext<'_>,
    key: &StrBytes,
    key_type: i8,
) -> find_coordinator_response::Coordinator {
    // The error message that brokers put into answers without an error.
    let message = if context.version < FIRST_OF_SEVERAL {
        "NONE"
    } else {
        ""
    };
    let answer = find_coordinator_response::Coordinator::default()
        .with_key(key.clone())
        .with_error_message(Some(text(message)));
    let injected = context.fault(FaultSite::Group(key));
    let at = context.cluster.coordinator(key).node();
    let node = context
        .cluster
        .nodes
        .get(&at)
        .filter(|n| n.standing == Standing::Registered);
    match (injected, key_type, node) {
        (0, 0, Some(node)) => answer
            .with_node_id(BrokerId(at))
            .with_host(node.host.clone())
            .with_port(i32::from(node.port)),
        (0, 0, None) => refuse(answer, code::COORDINATOR_NOT_AVAILABLE),
        (0, _, _) => refuse(answer, code::INVALID_REQUEST),
        (injected, _, _) => refuse(answer, injected),
    }
}

fn refuse(
    answer: find_coordinator_response::Coordinator,
    code: i16,
) -> find_coordinator_response::Coordinator {
    answer
        .with_error_code(code)
        .with_node_id(BrokerId(-1))
        .with_port(-1)
}

pub(crate) fn list(
    context: &RequestContext<'_>,
    request: &ListGroupsRequest,
) -> ListGroupsResponse {
    let answer = ListGroupsResponse::default();
    match context.fault(FaultSite::Answer) {
        0 => {
            let groups = context.cluster.groups.iter();
            let here = groups.filter(|(_, g)| g.coordinator == Coordinator::At(context.node));
            let wanted = here.filter(|(_, group)| is_wanted(request, group));
            answer.with_groups(wanted.map(|(name, group)| listed(name, group)).collect())
        }
        code => answer.with_error_code(code),
    }
}

fn is_wanted(request: &ListGroupsRequest, group: &Group) -> bool {
    let passes = |filter: &[StrBytes], value: &str| {
        filter.is_empty()
            || filter
                .iter()
                .any(|wanted| wanted.eq_ignore_ascii_case(value))
    };
    passes(&request.states_filter, group.state.as_str())
        && passes(&request.types_filter, group.listed_as.as_str())
}

fn listed(name: &StrBytes, group: &Group) -> ListedGroup {
    ListedGroup::default()
        .with_group_id(GroupId(name.clone()))
        .with_protocol_type(group.protocol_type.clone())
        .with_group_state(StrBytes::from_static_str(group.state.as_str()))
        .with_group_type(StrBytes::from_static_str(group.listed_as.as_str()))
}
