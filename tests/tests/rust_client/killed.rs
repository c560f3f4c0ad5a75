//! A process that is killed at any moment.

use super::*;

/// Where the one that is killed is told what to do.
const KILLED: &str = "DOVETAIL_TEST_KILLED";

/// So often it is killed.
const ROUNDS: usize = 50;

/// RC75: a process that is killed at a random moment comes back with every edit that it was told to be kept.
#[tokio::test]
async fn rc75_what_was_kept_outlives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    let seed = std::env::var("DOVETAIL_SIM_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(75);
    println!("DOVETAIL_SIM_SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let mut kept = 0;
    for round in 0..ROUNDS {
        let wait = Duration::from_millis(random.u64(0..120));
        let told = killed_after(&store, round, wait).await;
        let client = device(NOWHERE, &store).await;
        let id: DocumentId = std::fs::read_to_string(folder.path().join("id")).unwrap().parse().unwrap();
        let document = client.open::<Json>(&id).await.unwrap();
        let now = document.get().unwrap().0;
        for key in &told {
            assert!(!now[key].is_null(), "{key} was kept, and is not there after round {round}");
        }
        kept += told.len();
        drop(document);
        client.close().await;
    }
    assert!(kept > ROUNDS, "so few were kept that nothing was tried: {kept}");
}

/// Starts this program once more, as the one that edits, and kills it so long after its first edit. What it was told to be kept.
async fn killed_after(store: &Path, round: usize, wait: Duration) -> Vec<String> {
    let mut child = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "killed::edits_until_it_is_killed",
            "--ignored",
            "--nocapture",
            "--test-threads",
            "1",
        ])
        .env(KILLED, format!("{round} {}", store.display()))
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = tokio::io::BufReader::new(child.stdout.take().unwrap()).lines();
    let mut told = Vec::new();
    let mut take = |line: String| told.extend(line.strip_prefix("kept ").map(str::to_owned));
    while let Some(line) = within("a first edit", lines.next_line()).await.unwrap() {
        let is_first = line.starts_with("kept ");
        take(line);
        if is_first {
            break;
        }
    }
    let killing = async {
        tokio::time::sleep(wait).await;
        child.kill().await.unwrap();
    };
    let reading = async {
        while let Ok(Some(line)) = lines.next_line().await {
            take(line);
        }
    };
    within("its end", async { tokio::join!(killing, reading) }).await;
    told
}

/// Not a test: what the test above starts and kills.
#[tokio::test]
#[ignore = "the kill loop starts it"]
async fn edits_until_it_is_killed() {
    let told = std::env::var(KILLED).expect("the kill loop starts it");
    let (round, store) = told.split_once(' ').unwrap();
    let store = Path::new(store);
    let client = device(NOWHERE, store).await;
    let name = store.parent().unwrap().join("id");
    let document = match std::fs::read_to_string(&name) {
        Ok(id) => client.open::<Json>(&id.parse().unwrap()).await.unwrap(),
        Err(_) => {
            let made = client.create::<Json, AutomergeError>(|_| Ok(())).await.unwrap();
            std::fs::write(&name, made.id().to_string()).unwrap();
            made
        }
    };
    for n in 0.. {
        let key = format!("r{round}n{n}");
        document.change(|tx| tx.put(ROOT, &key, n)).await.unwrap();
        println!("kept {key}");
    }
}
