//! Settings: what is shown where nothing changes, and what is refused before the engine is asked.

use ray_ipc::control::{ConfigRequest, Request, SettingKey};

use super::{
    config_samples,
    fake_engine::FakeEngine,
    ray::run,
    snapshot::{check, check_json},
};

#[test]
fn setting_what_is_set_says_so() {
    let engine = FakeEngine::answering([config_samples::offload(false)]);
    check("config_set_again", &run(&engine, &["config", "set", "offload", "off"]), &engine);
}

#[test]
fn how_names_are_kept_is_a_setting_like_others() {
    let engine = FakeEngine::answering([config_samples::dns_full()]);
    check("config_set_dns", &run(&engine, &["config", "set", "dns", "full"]), &engine);
    let value = "full".to_owned();
    assert_eq!(engine.requests(), [Request::Config(ConfigRequest::Set { key: SettingKey::Dns, value })]);
    check_json(
        "config_set_dns_json",
        &run(&FakeEngine::answering([config_samples::dns_full()]), &["config", "set", "dns", "full", "--json"]),
    );
}

#[test]
fn a_key_that_does_not_exist_is_wrong_usage_and_the_keys_are_told() {
    for words in [&["get", "bind_port"][..], &["set", "bind_port", "1"], &["unset", "bind_port"], &["list"]] {
        let engine = FakeEngine::answering([]);
        assert_eq!(run(&engine, &[&["config"], words].concat()).code, 2, "{words:?}");
        assert!(engine.requests().is_empty(), "{words:?}");
    }
    let engine = FakeEngine::answering([]);
    check("config_unknown", &run(&engine, &["config", "set", "bind_port", "1"]), &engine);
    check_json("config_unknown_json", &run(&engine, &["config", "set", "bind_port", "1", "--json"]));
}

#[test]
fn an_answer_about_another_setting_is_not_shown() {
    let ran = run(&FakeEngine::answering([config_samples::one()]), &["config", "get", "queues"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "{ran:?}");
}
