//! The commands of the firewall and of groups, as [`super::commands`] lists those of the rest.

use ray_ipc::control::{
    FirewallRequest, FlowDirection, FlowProtocol, GroupRequest, Reply, Request, SuggestionRequest, SuggestionScope,
    SuggestionState,
};

use super::{
    commands::{Command, command},
    firewall_samples::{self as samples, suggestion},
    samples::MOMENT,
};

pub(crate) fn all() -> Vec<Command> {
    [rules(), decisions(), proposals(), groups()].into_iter().flatten().collect()
}

fn rules() -> Vec<Command> {
    let changed = |what| samples::firewall(MOMENT, Some(what));
    let rule = || "in allow tcp 22 from bob".to_owned();
    let test = FirewallRequest::Test {
        peer: "bob".into(),
        protocol: FlowProtocol::Tcp,
        port: Some(443),
        direction: FlowDirection::In,
        network: Some("home".into()),
    };
    vec![
        firewall(&["firewall", "show"], &[], FirewallRequest::Show, samples::firewall(MOMENT, None)),
        firewall(
            &["firewall", "add"],
            &["in", "allow", "tcp", "22", "from", "bob", "--expires", "7d"],
            FirewallRequest::Add { rule: rule(), expires_s: Some(604_800) },
            changed("rule 2 is new: in allow tcp 22 from bob"),
        ),
        firewall(
            &["firewall", "remove"],
            &["in", "allow", "tcp", "22", "from", "bob"],
            FirewallRequest::Remove { rule: rule() },
            changed("rule 2 is gone: in allow tcp 22 from bob"),
        ),
        firewall(
            &["firewall", "default"],
            &["out", "deny"],
            FirewallRequest::Default { direction: FlowDirection::Out, allow: false },
            changed("the default for out is deny"),
        ),
        firewall(
            &["firewall", "reject"],
            &["on"],
            FirewallRequest::Reject { on: true },
            changed("refused senders are told"),
        ),
        firewall(&["firewall", "on"], &[], FirewallRequest::Enable { on: true }, changed("the firewall is on")),
        firewall(
            &["firewall", "off"],
            &["--yes"],
            FirewallRequest::Enable { on: false },
            changed("the firewall is off"),
        ),
        firewall(&["firewall", "test"], &["bob", "tcp", "443", "--network", "home"], test, samples::tested()),
        Command {
            verb: &["firewall", "log"],
            arguments: &["--limit", "1"],
            request: Request::Firewall(FirewallRequest::Log { limit: 1 }),
            replies: vec![samples::dropped(12), Reply::DroppedDone],
        },
    ]
}

fn decisions() -> Vec<Command> {
    let home = || Some("home".to_owned());
    let one = || SuggestionRequest { network: home(), id: Some("4444444444".into()) };
    vec![
        firewall(
            &["firewall", "pending"],
            &["home"],
            FirewallRequest::Pending { network: home() },
            samples::suggestions(MOMENT),
        ),
        firewall(
            &["firewall", "accept"],
            &["4444444444", "--network", "home"],
            FirewallRequest::Accept(one()),
            samples::decided(SuggestionState::Accepted),
        ),
        firewall(
            &["firewall", "deny"],
            &["4444444444", "--network", "home"],
            FirewallRequest::Decline(one()),
            samples::decided(SuggestionState::Declined),
        ),
        firewall(
            &["firewall", "auto-accept"],
            &["home", "on"],
            FirewallRequest::AutoAccept { network: home(), on: Some(true) },
            samples::auto_accept(true),
        ),
    ]
}

fn proposals() -> Vec<Command> {
    let scope = || SuggestionScope::Group("guests".into());
    let made = || suggestion('4', scope(), SuggestionState::Pending, MOMENT);
    let suggest = FirewallRequest::Suggest {
        network: Some("home".into()),
        scope: scope(),
        rule: "in allow tcp 22 from alice".into(),
    };
    let withdraw = FirewallRequest::Withdraw { network: Some("home".into()), id: "4444444444".into() };
    vec![
        firewall(
            &["firewall", "suggest"],
            &["group:guests", "in", "allow", "tcp", "22", "from", "alice", "--network", "home"],
            suggest,
            Reply::Suggested(made()),
        ),
        firewall(&["firewall", "withdraw"], &["4444444444", "--network", "home"], withdraw, Reply::Withdrawn(made())),
    ]
}

fn groups() -> Vec<Command> {
    let home = || Some("home".to_owned());
    let (group, member) = (|| "guests".to_owned(), || "bob".to_owned());
    let add = GroupRequest::Add { network: home(), group: group(), member: member() };
    let remove = GroupRequest::Remove { network: home(), group: group(), member: member() };
    let list = GroupRequest::List { network: home() };
    vec![
        command(&["group", "list"], &["home"], Request::Group(list), samples::groups()),
        command(&["group", "add"], &["guests", "bob", "home"], Request::Group(add), samples::groups()),
        command(&["group", "remove"], &["guests", "bob", "home"], Request::Group(remove), samples::groups()),
    ]
}

fn firewall(
    verb: &'static [&'static str],
    arguments: &'static [&'static str],
    request: FirewallRequest,
    reply: Reply,
) -> Command {
    command(verb, arguments, Request::Firewall(request), reply)
}
