//! Hostile requests against a live helper: random bytes, every mutation of every request, in every phase.
//!
//! Each message's fate is foretold by the pure layers (decoder, gate, policy) and compared with what the live helper does:
//! a violation must close, a refusal must be that refusal, and after each operation the device must be as policy predicts,
//! and nothing else may have changed in the namespace. The helper may not grow.
//!
//! `RAY_HOSTILE_FRAMES` sets how many messages are sent, `RAY_SEED` repeats a run. The helper paces what it is asked, which is
//! most of the time that this takes.

mod model;
mod random;
mod surroundings;

use std::{
    collections::VecDeque,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use ray_helper::{
    config::{self, Config},
    gate::{self, Phase},
    policy::{self, Op},
};
use ray_ipc::{
    helper::{HelperReply, HelperRequest, LinkState, Refusal, VERSION, decode_request},
    limits::{HELPER_FRAME_MAX, QUEUES_MAX},
};
use ray_tests::live_helper::{
    Answer, Client, ENGINE_UID, LiveHelper, Namespace, NetState, addresses, attach_queue, eventually, open_driver,
};

use self::{
    model::Model,
    random::{Message, Random, announced, every_mutation},
    surroundings::{Surroundings, open_files, resident_kib},
};

const FRAMES: usize = 100_000;
/// The network is looked at after so many messages, and the next so many meet connections of the other kind: with a
/// device or without one.
const ROUND: usize = 5_000;
/// Operations are paced at 20 a second after a burst of 50; more would only make the test long.
const OPERATIONS_PER_ROUND: usize = 14;
const FRAMES_PER_RETURN: usize = 1_500;
/// Each costs the helper's device, and the next connection a pause of a second or more.
const FRAMES_PER_VIOLATION_WITH_DEVICE: usize = 25_000;
const ROUTES_MAX: u16 = 16;
/// How far the helper's memory may be from what it was when it had seen everything once.
const MEMORY_KIB: i64 = 1024;

#[test]
fn a_hundred_thousand_frames_change_nothing_outside_the_policy() {
    let frames = number("RAY_HOSTILE_FRAMES").unwrap_or(FRAMES);
    let seed = number("RAY_SEED").unwrap_or_else(new_seed);
    println!("seed {seed}: run again with RAY_SEED={seed}");
    let mut helper = LiveHelper::start(&format!("routes_max = {ROUTES_MAX}"));
    let (before, surroundings, idle) = (helper.state(), Surroundings::of(&helper), open_files(&helper));
    let began = Instant::now();
    helper.namespace.enter(|| {
        let elsewhere = Namespace::new();
        let hostile = Hostile::new(&elsewhere);
        // Its descriptors need root; what it does with them does not.
        helper.namespace.enter_as(ENGINE_UID, || Flood::new(&helper, hostile, seed, frames, before.clone()).run());
    });
    assert!(helper.is_alive());
    let client = helper.connect();
    client.bring_up(1);
    client.done(&HelperRequest::Release);
    drop(client);
    assert_eq!(helper.state(), before);
    Surroundings::of(&helper).check(&surroundings);
    eventually("every descriptor is closed", || open_files(&helper) == idle);
    println!("{frames} messages in {:.0?}", began.elapsed());
}

/// What the pure layers say that a message must lead to.
#[derive(Debug)]
enum Fate {
    Closed,
    Refused(Refusal),
    Greeted {
        stays: bool,
    },
    Operation(Phase, Op),
    /// A device that is handed back, and is none.
    Returned,
}

/// Descriptors that are not the device's, to be handed back as if they were. All are the TUN driver's: of other files the
/// helper keeps what it gets, and with enough of them receives no more.
struct Hostile(Vec<OwnedFd>);

impl Hostile {
    fn new(elsewhere: &Namespace) -> Self {
        let unattached = open_driver();
        let device = elsewhere.enter(|| attach_queue(open_driver(), "ray0").unwrap());
        Self(vec![unattached.into(), device])
    }

    fn take(&self, count: usize, from: usize) -> Vec<BorrowedFd<'_>> {
        self.0.iter().cycle().skip(from).take(count).map(AsFd::as_fd).collect()
    }
}

struct Flood<'a> {
    helper: &'a LiveHelper,
    hostile: Hostile,
    config: Config,
    random: Random,
    seed: usize,
    frames: usize,
    before: NetState,
    client: Option<(Client, Phase)>,
    model: Model,
    operations: usize,
    violations_with_device: usize,
    /// Whether one was in this round: a second would only double the helper's pause.
    violated: bool,
    fates: [usize; 5],
    /// Least and greatest memory since everything was seen once.
    memory: Option<(i64, i64)>,
}

impl<'a> Flood<'a> {
    fn new(helper: &'a LiveHelper, hostile: Hostile, seed: usize, frames: usize, before: NetState) -> Self {
        let config = config::parse(&format!("engine_user = \"{ENGINE_UID}\"\nroutes_max = {ROUTES_MAX}")).unwrap();
        Self {
            helper,
            hostile,
            config,
            random: Random(u64::try_from(seed).unwrap()),
            seed,
            frames,
            before,
            client: None,
            model: Model::default(),
            operations: 0,
            violations_with_device: 0,
            violated: false,
            fates: [0; 5],
            memory: None,
        }
    }

    fn run(mut self) {
        let mut sent = 0;
        let mut ordered = VecDeque::from(every_mutation());
        println!("{} mutations in order, in each phase", ordered.len());
        while sent < self.frames {
            let with_device = (sent / ROUND) % 2 == 1;
            let (client, phase) = self.client.take().unwrap_or_else(|| self.connect(with_device));
            let message = ordered.pop_front().unwrap_or_else(|| self.random.message());
            let fate = self.foretell(phase, &message);
            if !self.affordable(phase, &fate) {
                self.client = Some((client, phase));
                continue;
            }
            self.client = self.send(client, phase, &message, fate);
            sent += 1;
            if sent % ROUND == 0 {
                self.model.check(
                    self.client.as_ref().map(|(_, phase)| *phase),
                    &NetState::read_settled(),
                    &self.before,
                );
                self.weigh(sent / ROUND);
                self.hang_up();
                ordered = every_mutation().into();
            }
        }
        self.hang_up();
        let (least, greatest) = self.memory.unwrap_or_default();
        println!("closed, refused, greeted, done, returned: {:?}", self.fates);
        println!("{} violations cost a device; memory {least} to {greatest} KiB", self.violations_with_device);
        assert!(
            self.fates.iter().all(|count| *count > self.frames / 10_000),
            "every fate must be met often: {:?}",
            self.fates
        );
    }

    /// A connection, led to a phase by chance.
    fn connect(&mut self, with_device: bool) -> (Client, Phase) {
        let client = Client::connect(&self.helper.socket_path()).unwrap();
        self.model = Model::default();
        let phases: &[Phase] = match with_device {
            false => &[Phase::New, Phase::Greeted],
            true => &[Phase::Open, Phase::Addressed, Phase::Up, Phase::Up],
        };
        let phase = phases[self.random.below(phases.len())];
        if phase != Phase::New {
            client.greet();
        }
        if with_device {
            client.open(1);
        }
        if matches!(phase, Phase::Addressed | Phase::Up) {
            self.do_as_foretold(&client, Phase::Open, addresses("100.64.1.2", "200::1234"));
        }
        if phase == Phase::Up {
            self.do_as_foretold(&client, Phase::Addressed, HelperRequest::SetLink { state: LinkState::Up });
        }
        (client, phase)
    }

    fn do_as_foretold(&mut self, client: &Client, phase: Phase, request: HelperRequest) {
        client.done(&request);
        assert!(gate::next(phase, &request).is_some());
        self.model.apply(&policy::judge(&self.config, request).unwrap());
    }

    /// Ends the connection without leaving a device for the next one.
    fn hang_up(&mut self) {
        if let Some((client, phase)) = self.client.take()
            && has_device(phase)
        {
            client.done(&HelperRequest::Release);
        }
        self.operations = 0;
        if std::mem::take(&mut self.violated) {
            // A connection that had its link up and ends in good order makes the next pause a short one again.
            let connect = || Client::connect(&self.helper.socket_path()).unwrap();
            connect().bring_up(1);
            let client = connect();
            client.greet();
            assert!(client.open(1).0.resumed);
            client.done(&HelperRequest::Release);
        }
    }

    fn foretell(&self, phase: Phase, message: &Message) -> Fate {
        if message.bytes.len() > HELPER_FRAME_MAX || message.descriptors > QUEUES_MAX {
            return Fate::Closed;
        }
        let Ok(request) = decode_request(&message.bytes) else { return Fate::Closed };
        if announced(&request) != message.descriptors {
            return Fate::Closed;
        }
        let Some(next) = gate::next(phase, &request) else { return Fate::Closed };
        match policy::judge(&self.config, request) {
            Err(refusal) => Fate::Refused(refusal),
            Ok(Op::Greet(greeting)) => Fate::Greeted { stays: greeting.agreed() },
            Ok(Op::ReturnTun) => Fate::Returned,
            Ok(op) => Fate::Operation(next, op),
        }
    }

    /// Leaves out what would only make the helper's pauses longer, once there was enough of it.
    fn affordable(&mut self, phase: Phase, fate: &Fate) -> bool {
        match fate {
            Fate::Closed if has_device(phase) => {
                let affordable = !self.violated
                    && self.violations_with_device <= self.frames / FRAMES_PER_VIOLATION_WITH_DEVICE
                    && self.random.below(2000) == 0;
                self.violations_with_device += usize::from(affordable);
                self.violated |= affordable;
                affordable
            }
            Fate::Returned => self.fates[4] <= self.frames / FRAMES_PER_RETURN,
            Fate::Operation(..) => {
                // Spread over the round; and a device where there should be none changes the kind of the rest of it.
                let rarity = if phase == Phase::Greeted { 500 } else { 30 };
                let affordable = self.operations < OPERATIONS_PER_ROUND && self.random.below(rarity) == 0;
                self.operations += usize::from(affordable);
                affordable
            }
            Fate::Closed | Fate::Refused(_) | Fate::Greeted { .. } => true,
        }
    }

    /// Sends a message, and gives the connection back if it should and does go on.
    fn send(&mut self, client: Client, phase: Phase, message: &Message, fate: Fate) -> Option<(Client, Phase)> {
        let answer = match message.descriptors {
            0 => client.ask_raw(&message.bytes),
            count => {
                let from = self.random.below(QUEUES_MAX);
                // The helper may have closed in the meantime only if this message made it.
                client.send(&message.bytes, &self.hostile.take(count, from)).unwrap();
                client.receive()
            }
        };
        let context = format!("seed {}, in {phase:?}, expected {fate:?}: {answer:?}", self.seed);
        let (index, goes_on) = match (fate, &answer) {
            (Fate::Closed, Answer::Closed) => (0, None),
            (Fate::Refused(refusal), Answer::Reply(HelperReply::Refused(found), _)) if refusal == *found => {
                (1, Some(phase))
            }
            (Fate::Greeted { stays }, Answer::Reply(HelperReply::Hello { version: VERSION }, _)) => {
                (2, stays.then_some(Phase::Greeted))
            }
            (Fate::Operation(next, op), Answer::Reply(HelperReply::Done | HelperReply::TunOpened(_), _)) => {
                self.model.apply(&op);
                self.model.check(Some(next), &NetState::read_settled(), &self.before);
                (3, Some(next))
            }
            // The kernel may not hold what policy permits, but then it must hold what it held.
            (Fate::Operation(..), Answer::Reply(HelperReply::Failed { .. }, _)) => {
                self.model.check(Some(phase), &NetState::read_settled(), &self.before);
                (3, Some(phase))
            }
            (Fate::Returned, Answer::Reply(HelperReply::Refused(Refusal::NotTheDevice), _)) => (4, Some(phase)),
            _ => panic!("{context}, message {message:02x?}"),
        };
        self.fates[index] += 1;
        goes_on.map(|next| (client, next))
    }

    /// Looks at the helper's memory, once it has seen both kinds of rounds.
    fn weigh(&mut self, rounds: usize) {
        let resident = resident_kib(self.helper);
        if rounds > 2 {
            let (least, greatest) = self.memory.unwrap_or((resident, resident));
            let (least, greatest) = (least.min(resident), greatest.max(resident));
            assert!(greatest - least <= MEMORY_KIB, "seed {}: memory went from {least} to {greatest} KiB", self.seed);
            self.memory = Some((least, greatest));
        }
    }
}

fn has_device(phase: Phase) -> bool {
    match phase {
        Phase::New | Phase::Greeted => false,
        Phase::Open | Phase::Addressed | Phase::Up => true,
    }
}

fn number(variable: &str) -> Option<usize> {
    std::env::var(variable).ok().map(|text| text.parse().expect("a number"))
}

fn new_seed() -> usize {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    usize::try_from(now.as_nanos() & u128::from(u32::MAX)).unwrap()
}
