//! Four nodes in one process on the tokio runtime, over real loopback connections and real files.

mod toy;

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use commonware_cryptography::Signer as _;
use commonware_p2p::Address;
use tacit_node::{
    block::LogBlock,
    engine::{EngineError, PrivateKey, PublicKey},
    ledger::Reader,
    limits::Profile,
    mempool::Outcome,
    production::{Config, NodeError, Running, start},
    storage::{self, StorageError},
};
use tacit_protocol::{hash::Digest, ids::Fingerprint};
use toy::{Faults, SharedDisk, Toy, ToyBodies, ToyVerifier, plain, sealed};

const COMMITTEE: Fingerprint = Fingerprint(Digest([3; 32]));

fn free_ports(n: usize) -> Vec<u16> {
    let listeners: Vec<TcpListener> = (0..n)
        .map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port"))
        .collect();
    listeners
        .iter()
        .map(|listener| listener.local_addr().expect("bound").port())
        .collect()
}

struct Member {
    key: PrivateKey,
    listen: SocketAddr,
    disk: SharedDisk,
    bodies: Arc<ToyBodies>,
}

impl Member {
    fn try_start(
        &self,
        members: &[(PublicKey, Address)],
        folder: &Path,
    ) -> Result<(Running, Reader<Toy>), NodeError> {
        let config = Config {
            key: self.key.clone(),
            members: members.to_vec(),
            listen: self.listen,
            any_address: false,
            fingerprint: COMMITTEE,
            genesis: LogBlock::new(toy::genesis()),
            profile: Profile::Loopback,
            timing: Profile::Loopback.timing(),
            engine_folder: folder.to_owned(),
        };
        start(
            config,
            Toy::new(self.disk.clone(), Faults::default()),
            Arc::<ToyVerifier>::default(),
            self.bodies.clone(),
            Arc::new(|evidence| panic!("nobody cheats: {evidence:?}")),
        )
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("readable") {
        let entry = entry.expect("readable");
        let to = to.join(entry.file_name());
        if entry.file_type().expect("readable").is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).expect("copied");
        }
    }
}

fn wait(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "{what}: too slow"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn four_nodes_agree_stop_start_again_and_refuse_what_would_make_them_cheat() {
    let home = tempfile::tempdir().expect("folder");
    let folder = |n: usize| home.path().join(format!("engine-{n}"));
    let members: Vec<Member> = free_ports(4)
        .into_iter()
        .enumerate()
        .map(|(n, port)| Member {
            key: PrivateKey::from_seed(n as u64),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            disk: SharedDisk::new(),
            bodies: Arc::default(),
        })
        .collect();
    let addresses: Vec<(PublicKey, Address)> = members
        .iter()
        .map(|member| (member.key.public_key(), member.listen.into()))
        .collect();

    // No marker, no start.
    assert!(matches!(
        members[0].try_start(&addresses, &folder(0)),
        Err(NodeError::Storage(StorageError::NoMarker(_)))
    ));
    for n in 0..4 {
        storage::initialize(&folder(n), &COMMITTEE).expect("initialized");
    }
    let mut running: Vec<Option<(Running, Reader<Toy>)>> = (0..4)
        .map(|n| {
            Some(
                members[n]
                    .try_start(&addresses, &folder(n))
                    .expect("starts"),
            )
        })
        .collect();
    // One process per folder.
    assert!(matches!(
        members[0].try_start(&addresses, &folder(0)),
        Err(NodeError::Storage(StorageError::Locked(_)))
    ));

    // Entries through every node, one with a sealed body.
    let submit = |running: &[Option<(Running, Reader<Toy>)>], at: usize, n: u64| {
        let (node, _) = running[at].as_ref().expect("running");
        node.node().mempool.submit(plain(n), None).blocking_recv()
    };
    let begun = Instant::now();
    for n in 0..40 {
        let outcome = submit(&running, (n % 4) as usize, n);
        assert!(matches!(outcome, Ok(Outcome::Final(_))), "{outcome:?}");
    }
    println!("40 entries, one after another: {:?}", begun.elapsed());
    // A thousand at once, through two nodes.
    let begun = Instant::now();
    let waiting: Vec<_> = (1000..2000)
        .map(|n| {
            let (node, _) = running[(n % 2) as usize].as_ref().expect("running");
            node.node().mempool.submit(plain(n), None)
        })
        .collect();
    for outcome in waiting {
        let outcome = outcome.blocking_recv();
        assert!(matches!(outcome, Ok(Outcome::Final(_))), "{outcome:?}");
    }
    println!("1000 entries at once: {:?}", begun.elapsed());
    let body: bytes::Bytes = b"sealed".as_slice().into();
    let (first, reader) = running[0].as_ref().expect("running");
    let outcome = first
        .node()
        .mempool
        .submit(sealed(1, &body), Some(body.clone()))
        .blocking_recv();
    let Ok(Outcome::Final(position)) = outcome else {
        panic!("{outcome:?}");
    };
    for member in &members {
        wait("the sealed body's block", || {
            member.disk.lock().applied.height >= position.height
        });
        wait("the sealed body", || member.bodies.holds(&body));
    }
    let states: Vec<Digest> = members
        .iter()
        .map(|member| member.disk.state_at(position.height))
        .collect();
    assert!(states.windows(2).all(|pair| pair[0] == pair[1]));

    // Reads run on the ledger's thread; status and certificates work from outside.
    let commits = futures::executor::block_on(reader.read(|toy| toy.commits)).expect("running");
    assert!(commits >= position.height);
    wait("hearing of all peers", || {
        first.node().status().peers.len() == 3
    });
    let certified = futures::executor::block_on(first.node().archive.certified(position.height));
    assert_eq!(
        certified.expect("finalized").headers[0].height,
        position.height
    );
    assert!(first.metrics()().contains("processed_height"));

    // One stops; the others go on; it comes back and catches up.
    let (stopped, _) = running[3].take().expect("running");
    let begun = Instant::now();
    stopped.stop().expect("stops");
    println!("stopping: {:?}", begun.elapsed());
    let older = home.path().join("older");
    copy(&folder(3).join("store"), &older);
    for n in 40..50 {
        let outcome = submit(&running, 1, n);
        assert!(matches!(outcome, Ok(Outcome::Final(_))), "{outcome:?}");
    }
    let height = members[1].disk.lock().applied.height;
    let begun = Instant::now();
    running[3] = Some(
        members[3]
            .try_start(&addresses, &folder(3))
            .expect("starts"),
    );
    wait("catching up", || {
        members[3].disk.lock().applied.height >= height
    });
    println!("starting again and catching up: {:?}", begun.elapsed());
    assert!(matches!(submit(&running, 3, 50), Ok(Outcome::Final(_))));

    // It loses its votes alone, or its whole consensus storage and its database with it, or gets older
    // ones of both: it refuses each time.
    let voted = || std::fs::read_to_string(folder(3).join("voted")).expect("there");
    wait("the record of its votes", || {
        voted().trim().parse::<u64>().expect("a height") > height
    });
    let (stopped, _) = running[3].take().expect("running");
    stopped.stop().expect("stops");
    let rename = |from: &Path, to: &Path| std::fs::rename(from, to).expect("renamed");
    let (store, aside) = (folder(3).join("store"), home.path().join("aside"));
    let refusal = |disk: &SharedDisk| {
        let member = Member {
            disk: disk.clone(),
            key: members[3].key.clone(),
            listen: members[3].listen,
            bodies: Arc::default(),
        };
        match member.try_start(&addresses, &folder(3)).map(drop) {
            Err(NodeError::Engine(error)) => error,
            other => panic!("{other:?}"),
        }
    };
    let own_votes = store.join("tacit-simplex-0");
    rename(&own_votes, &aside);
    for disk in [&members[3].disk, &SharedDisk::new()] {
        let error = refusal(disk);
        assert!(matches!(error, EngineError::VotesLost), "{error}");
    }
    drop(std::fs::remove_dir_all(&own_votes));
    rename(&aside, &own_votes);
    rename(&store, &aside);
    let error = refusal(&SharedDisk::new());
    assert!(matches!(error, EngineError::VotesLost), "{error}");
    drop(std::fs::remove_dir_all(&store));
    rename(&older, &store);
    let error = refusal(&SharedDisk::new());
    assert!(matches!(error, EngineError::Older { .. }), "{error}");
    drop(std::fs::remove_dir_all(&store));

    // Its consensus storage is emptied, marker and all or all but the marker: it refuses.
    std::fs::create_dir(&store).expect("empty");
    let refused = members[3].try_start(&addresses, &folder(3)).map(drop);
    assert!(
        matches!(
            refused,
            Err(NodeError::Engine(EngineError::EngineBehind { .. }))
        ),
        "{refused:?}"
    );
    std::fs::remove_dir_all(folder(3)).expect("removed");
    assert!(matches!(
        members[3].try_start(&addresses, &folder(3)),
        Err(NodeError::Storage(StorageError::NoMarker(_)))
    ));

    // A busy port is an error at once, not a node that nobody can reach.
    let (stopped, _) = running[2].take().expect("running");
    stopped.stop().expect("stops");
    let busy = TcpListener::bind(members[2].listen).expect("free again");
    assert!(matches!(
        members[2].try_start(&addresses, &folder(2)),
        Err(NodeError::Listen { .. })
    ));
    drop(busy);
    for (node, _) in running.into_iter().flatten() {
        let ended = node.ended();
        node.stop().expect("stops");
        assert!(ended.get());
    }
}
