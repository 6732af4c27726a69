//! Who was put out while nobody could tell it: it learns that, or shows that it is in.

use ray_tests::lab::{Lab, Process};

use crate::support::{PATIENCE, agree, known, member, names, network, ray, roster, status, until};

#[test]
fn a_node_that_was_off_while_it_was_removed_learns_by_whom_and_nothing_later() {
    let lab = network(3);
    agree(&lab, &["n1", "n2", "n3"], "home");
    lab.stop_process("n3", Some(Process::Engine)).unwrap();
    until(PATIENCE, "n1 sees n3 no more", || member(&lab, "n1", "n3")["state"] != "online");
    ray(&lab, "n1", &["kick", "n3", "home", "--yes"]);
    ray(&lab, "n1", &["hostname", "moved", "--member", "n2", "--network", "home"]);
    agree(&lab, &["n1", "n2"], "home");
    // Not the one who removed it: any member tells.
    lab.stop_process("n1", Some(Process::Engine)).unwrap();

    lab.start_process("n3", Some(Process::Engine)).unwrap();
    is_out(&lab, "n3", "n1");
    assert_eq!(names(&roster(&lab, "n3", "home")), ["n1", "n2"], "it heard what came later");
    assert_eq!(names(&roster(&lab, "n2", "home")), ["moved", "n1"]);
}

#[test]
fn a_node_that_was_off_while_its_network_was_ended_learns_by_whom() {
    let lab = network(3);
    agree(&lab, &["n1", "n2", "n3"], "home");
    lab.stop_process("n3", Some(Process::Engine)).unwrap();
    until(PATIENCE, "n1 sees n3 no more", || member(&lab, "n1", "n3")["state"] != "online");
    ray(&lab, "n1", &["nuke", "home", "--yes"]);
    until(PATIENCE, "n2 knows of the end", || known(&lab, "n2", "home")["standing"]["state"] == "ended");

    lab.start_process("n3", Some(Process::Engine)).unwrap();
    until(PATIENCE, "n3 knows of the end", || known(&lab, "n3", "home")["standing"]["state"] == "ended");
    assert_eq!(known(&lab, "n3", "home")["standing"]["ended_by"], "n1", "{}", status(&lab, "n3"));
}

#[test]
fn of_two_coordinators_who_remove_each_other_in_a_split_the_senior_one_is_in_everywhere() {
    let lab = network(3);
    ray(&lab, "n1", &["admin", "add", "n2", "home"]);
    agree(&lab, &["n1", "n2", "n3"], "home");

    lab.split(&["n1"]).unwrap();
    for (node, gone) in [("n1", "n2"), ("n2", "n1"), ("n3", "n1")] {
        until(PATIENCE, &format!("{node} sees {gone} no more"), || member(&lab, node, gone)["state"] != "online");
    }
    ray(&lab, "n1", &["kick", "n2", "home", "--yes"]);
    ray(&lab, "n2", &["kick", "n1", "home", "--yes"]);
    until(PATIENCE, "n3 has heard the junior", || names(&roster(&lab, "n3", "home")) == ["n2", "n3"]);
    assert_eq!(names(&roster(&lab, "n1", "home")), ["n1", "n3"]);

    lab.heal().unwrap();
    for node in ["n1", "n2", "n3"] {
        until(PATIENCE, &format!("{node} knows who stands"), || names(&roster(&lab, node, "home")) == ["n1", "n3"]);
    }
    agree(&lab, &["n1", "n3"], "home");
    is_out(&lab, "n2", "n1");
    for node in ["n1", "n3"] {
        assert_eq!(known(&lab, node, "home")["standing"]["state"], "member", "{node}");
    }
    until(PATIENCE, "the senior has its link again", || member(&lab, "n3", "n1")["state"] == "online");
}

fn is_out(lab: &Lab, node: &str, by: &str) {
    until(PATIENCE, &format!("{node} knows that it is out"), || known(lab, node, "home")["standing"]["state"] == "out");
    let standing = known(lab, node, "home")["standing"].clone();
    assert_eq!(standing["reason"], format!("{by} removed it"), "{standing}");
}
