//! What a store makes of files that a disk, or a person, has bent: whatever it gives back is what was stored, or an error.

use super::super::log::SEGMENT_BYTES;
use super::*;
use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;

/// Documents in the store that is bent. Some are small, some lie in parts, some were written often.
const DOCUMENTS: u8 = 60;

/// How many stores are bent in each way.
const TRIALS: u64 = 40;

/// What a disk does to a file at once.
const BLOCK: usize = 4 << 10;

/// In which way a file is bent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    Bit,
    Zeroes,
    CutShort,
}

/// What came of a bent store.
#[derive(Debug, Default, Clone, Copy)]
struct Outcome {
    refused: usize,
    opened: usize,
    sound: usize,
    fenced: usize,
    wrong: usize,
    taken: usize,
    refused_alone: usize,
    stopped: usize,
}

/// ST30: from bent files nobody is given anything but what was stored.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st30_bent_files_are_never_taken_for_what_was_stored() {
    let (closed, killed, indexed) = (Directory::new(), Directory::new(), Directory::new());
    let expected = written(&closed, &killed).await;
    copy_into(closed.path(), indexed.path());
    indexed.open().close().await;
    let rebuilt = rebuilt(&expected).await;
    let states = [("closed", &closed), ("killed", &killed), ("indexed", &indexed), ("rebuilt", &rebuilt)];
    for (name, whole) in states {
        for way in [Way::Bit, Way::Zeroes, Way::CutShort] {
            let mut outcome = Outcome::default();
            for seed in 0..TRIALS {
                let bent = copy(whole.path());
                bend(bent.path(), way, seed);
                look(&bent, &expected, &mut outcome, &format!("{name} {way:?} {seed}")).await;
            }
            eprintln!("{name} {way:?}: {outcome:?}");
            assert_eq!(outcome.wrong, 0, "{name} {way:?}: {outcome:?}");
        }
    }
}

/// The same, written anew, and not opened since: nothing of it is in sled's index.
async fn rebuilt(expected: &BTreeMap<u8, Stored>) -> Directory {
    let dir = Directory::new();
    let rebuild = Rebuild::first(dir.path()).unwrap();
    for (n, stored) in expected {
        let Stored { manifest, chunks } = stored.clone();
        rebuild
            .store()
            .commit(Batch { document: id(*n), put: chunks, delete: vec![], manifest })
            .await
            .unwrap();
    }
    rebuild.finish().await.unwrap();
    dir
}

/// A store with some history: what was written before its last start is in sled's index, what came afterwards is not. `closed` is as
/// a server leaves it, `killed` as SIGKILL does.
async fn written(closed: &Directory, killed: &Directory) -> BTreeMap<u8, Stored> {
    let store = closed.open();
    for n in 1..=DOCUMENTS {
        store.commit(batch(n, vec![changes(&vec![n; 100 * usize::from(n % 50)])])).await.unwrap();
    }
    store.close().await;
    drop(store);
    let store = closed.open();
    for round in 0..20_u8 {
        for n in (1..=DOCUMENTS).filter(|n| n % 3 == 0) {
            store.commit(batch(n, vec![changes(&[n, round].repeat(200))])).await.unwrap();
        }
    }
    let mut expected = BTreeMap::new();
    for n in 1..=DOCUMENTS {
        expected.insert(n, store.load(&id(n)).await.unwrap().unwrap());
    }
    copy_into(closed.path(), killed.path());
    store.close().await;
    expected
}

/// ST39: a log in which the header of a segment is another is refused before anything is answered: sled would go on writing behind it and
/// not find it again. Whoever wants it as it is finds everything in it that the index knows.
#[tokio::test]
async fn st39_a_log_with_a_bent_header_takes_no_writes() {
    let (closed, killed) = (Directory::new(), Directory::new());
    let expected = written(&closed, &killed).await;
    let indexed = copy(closed.path());
    indexed.open().close().await;
    let segments = fs::metadata(indexed.path().join(LOG_FILE)).unwrap().len().div_ceil(SEGMENT_BYTES);
    let mut refused = 0;
    for segment in 0..segments {
        for bent_to in [Bend::Flip(3), Bend::Flip(9), Bend::Zeroes] {
            let bent = copy(indexed.path());
            if !bent_to.at(bent.path(), segment * SEGMENT_BYTES) {
                continue; // There is nothing in that segment.
            }
            let trial = format!("{bent_to:?} in segment {segment} of {segments}");
            let before = fs::read(bent.path().join(LOG_FILE)).unwrap();
            for _ in 0..2 {
                let error = SledStore::open(bent.path(), Floor::Bytes(0)).expect_err(&trial);
                assert!(matches!(error, OpenError::Corrupt { .. }), "{trial}: {error}");
                assert!(error.to_string().contains("--leave-out-damaged"), "{trial}: {error}");
            }
            if bent_to != Bend::Zeroes {
                assert_eq!(
                    fs::read(bent.path().join(LOG_FILE)).unwrap(),
                    before,
                    "{trial}: it is left as it is"
                );
            }
            let (store, missing) = SledStore::open_as_it_is(bent.path()).unwrap();
            assert!(missing.is_some(), "{trial}");
            for (n, stored) in &expected {
                match store.load(&id(*n)).await {
                    Ok(found) => assert_eq!(found.as_ref(), Some(stored), "{trial}: {n}"),
                    Err(LoadError::Damaged { .. }) => assert_eq!(bent_to, Bend::Zeroes, "{trial}: {n}"),
                    Err(error) => panic!("{trial}: {error}"),
                }
            }
            store.close().await;
            refused += 1;
        }
    }
    assert!(refused >= 3, "{refused} of {segments} segments");
}

/// ST40: a new document that falls where a page of the tree is damaged is refused, alone, and every one that was answered is read
/// afterwards: a neighbour's damage is not for others to find out later.
#[tokio::test]
async fn st40_a_new_document_is_not_written_where_the_tree_is_damaged() {
    let whole = Directory::new();
    let store = whole.open();
    for n in 0..=255 {
        let put = (0..12).map(|chunk| changes(&[n, chunk].repeat(300))).collect();
        store.commit(batch(n, put)).await.unwrap();
    }
    store.close().await;
    drop(store);
    whole.open().close().await;

    let (mut taken, mut refused) = (0, 0);
    for seed in 0..TRIALS {
        let bent = copy(whole.path());
        bend(bent.path(), Way::Zeroes, seed);
        let Ok(store) = SledStore::open(bent.path(), Floor::Bytes(0)) else { continue };
        let mut random = fastrand::Rng::with_seed(seed);
        let new: Vec<_> = (0..100).map(|_| std::array::from_fn::<u8, 16, _>(|_| random.u8(..))).collect();
        let new: Vec<_> = new.iter().map(|new| DocumentId::from_bytes(new).unwrap()).collect();
        let commits = new
            .iter()
            .map(|new| store.commit(Batch { document: new.clone(), ..batch(0, vec![changes(b"new")]) }));
        let mut answered = Vec::new();
        for (new, answer) in new.iter().zip(futures_util::future::join_all(commits).await) {
            match answer {
                Ok(()) => answered.push(new),
                Err(CommitError::Damaged { document, .. }) => {
                    assert_eq!(document, *new);
                    refused += 1;
                }
                Err(error) => panic!("{seed}: {error}"),
            }
        }
        store.close().await;
        drop(store);
        let store = bent.open();
        for &new in &answered {
            let found = store.load(new).await;
            assert!(
                matches!(&found, Ok(Some(found)) if found.chunks == [changes(b"new")]),
                "{seed}: {found:?}"
            );
        }
        taken += answered.len();
        store.close().await;
    }
    assert!(taken > 0 && refused > 0, "{taken} were taken, {refused} refused");
}

/// ST44: where a document is bent, and sled moves what lies beside it, nobody else is told of it: everything else is read and written, and
/// found again at the next start.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st44_what_is_bent_of_one_document_keeps_nobody_else_from_writing() {
    let (mut met, mut looked) = (0, 0);
    for (bent, bytes) in [(20, 1), (50, 1), (80, 1), (35, 1_000), (65, 1_000)] {
        let Some(dir) = with_one_bent(bent, bytes, 0..LONG_ONES).await else { continue };
        let store = Arc::new(opened(&dir));
        let looking = tokio::spawn(look_around(Arc::clone(&store), bent));
        let mut stored: BTreeMap<u8, Chunk> = beside(bent).map(|n| (n, long(n, 0))).collect();
        for round in 1..=10 {
            for n in beside(bent) {
                let chunk = long(n, round);
                let before = stored.insert(n, chunk.clone()).unwrap();
                let written =
                    store.commit(Batch { delete: vec![before.key()], ..batch(n, vec![chunk.clone()]) }).await;
                written.unwrap_or_else(|error| panic!("{bent}, {n} in round {round}: {error}"));
                let found = store.load(&id(n)).await;
                let found = found.unwrap_or_else(|error| panic!("{bent}, {n} in round {round}: {error}"));
                assert_eq!(found.unwrap().chunks, [chunk], "{n} beside {bent} in round {round}");
            }
        }
        looking.abort();
        looked += usize::from(looking.await.is_err_and(|ended| ended.is_cancelled()));
        let killed = copy(dir.path());
        met += store.opened().unwrap().half_applied.load(Ordering::Relaxed);
        store.close().await;
        drop(store);
        for dir in [dir, killed] {
            finds(&dir, &stored, bent).await;
        }
    }
    assert!(looked > 2, "of two stores or less nothing else was found than what was written");
    assert!(met > 0, "sled met with nothing: that is no test");
}

/// Whoever reads while others write finds a document as it was or as it is.
async fn look_around(store: Arc<SledStore>, bent: u8) {
    loop {
        for n in beside(bent) {
            let found = store.load(&id(n)).await.unwrap().unwrap();
            let round = (0..=10).position(|round| found.chunks == [long(n, round)]);
            assert!(round.is_some(), "{n} beside {bent}: {} chunks", found.chunks.len());
        }
    }
}

/// ST44: of the neighbours of a bent document nothing is taken away, since sled would join what is left with the bent page, and never come
/// to an end of it: whoever wants that is refused, alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st44_a_neighbour_of_what_is_bent_is_not_made_smaller() {
    let (mut folded, mut refused) = (0, 0);
    for bent in [20, 50, 80] {
        let Some(dir) = with_one_bent(bent, 1, 0..LONG_ONES).await else { continue };
        let store = dir.open();
        let mut stored: BTreeMap<u8, Chunk> = beside(bent).map(|n| (n, long(n, 0))).collect();
        for n in (0..LONG_ONES).filter(|&n| n != bent) {
            let small = changes(&[n; 10]);
            let fold = Batch { delete: vec![long(n, 0).key()], ..batch(n, vec![small.clone()]) };
            match store.commit(fold).await {
                Ok(()) => {
                    folded += 1;
                    stored.insert(n, small);
                }
                Err(CommitError::Damaged { document, .. }) => {
                    assert!(document == id(n) && n.abs_diff(bent) <= NEIGHBOURS, "{n} beside {bent}");
                    refused += 1;
                }
                Err(error) => panic!("{n} beside {bent}: {error}"),
            }
        }
        let gone = vec![("name".to_owned(), Some(Bytes::from_static(b"value")))];
        store.write_records(Space::Server, gone).await.unwrap();
        store.write_records(Space::Server, vec![("name".to_owned(), None)]).await.unwrap();
        store.close().await;
        drop(store);
        stored.retain(|n, _| n.abs_diff(bent) > NEIGHBOURS);
        finds(&dir, &stored, bent).await;
    }
    assert!(folded > 0 && refused > 0, "{folded} were folded, {refused} refused");
}

/// ST44: a record of the server's own behind what is bent is not taken away, and one is written; all documents are.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st44_a_record_behind_what_is_bent_is_not_taken_away() {
    let bent = LONG_ONES - 3;
    let mut dir = None;
    for _ in 0..10 {
        // The last ones are written first, so that they do not lie at the end of the log.
        dir = with_one_bent(bent, 1, (0..LONG_ONES).rev()).await;
        if dir.is_some() {
            break;
        }
    }
    let dir = dir.expect("of ten stores none could be opened");
    let store = dir.open();
    let value = |value: &'static [u8]| vec![("name".to_owned(), Some(Bytes::from_static(value)))];
    store.write_records(Space::Server, value(b"one")).await.unwrap();
    let refused = store.write_records(Space::Server, vec![("name".to_owned(), None)]).await;
    assert!(matches!(refused, Err(CommitError::Unreadable { .. })), "{refused:?}");
    store.write_records(Space::Server, value(b"two")).await.unwrap();
    store.commit(batch(1, vec![changes(b"later")])).await.unwrap();
    assert_eq!(store.record(Space::Server, "name").await.unwrap().as_deref(), Some(&b"two"[..]));
}

/// Documents that lie in pages of their own.
const LONG_ONES: u8 = 120;

const LONG_BYTES: usize = 30_000;

fn long(n: u8, round: u64) -> Chunk {
    changes(&noise(1_000 * round + u64::from(n), LONG_BYTES))
}

/// On each side of the bent one, those of whose eight records one may lie on the page of the bent one or on the next.
const NEIGHBOURS: u8 = 3;

/// Those that are no neighbours of the bent one.
fn beside(bent: u8) -> impl Iterator<Item = u8> {
    (0..LONG_ONES).filter(move |n| n.abs_diff(bent) > NEIGHBOURS)
}

/// A store with a document of which some bytes are others; nothing where it lies in the part of the log that is read at the start, as that ends
/// the log there.
async fn with_one_bent(bent: u8, bytes: usize, order: impl Iterator<Item = u8>) -> Option<Directory> {
    let dir = Directory::new();
    let store = dir.open();
    for n in order {
        store.commit(batch(n, vec![long(n, 0)])).await.unwrap();
    }
    store.close().await;
    drop(store);
    dir.open().close().await;
    bend_in(dir.path(), &noise(u64::from(bent), LONG_BYTES)[LONG_BYTES / 2..][..16], bytes);
    match SledStore::open(dir.path(), Floor::Bytes(0)) {
        Ok(store) => store.close().await,
        Err(OpenError::Corrupt { .. }) => return None,
        Err(error) => panic!("{error}"),
    }
    Some(dir)
}

async fn finds(dir: &Directory, stored: &BTreeMap<u8, Chunk>, bent: u8) {
    let store = dir.open();
    assert!(matches!(store.load(&id(bent)).await, Err(LoadError::Damaged { .. })), "{bent}");
    for (n, chunk) in stored {
        let found = store.load(&id(*n)).await.unwrap().unwrap();
        assert_eq!(found.chunks, std::slice::from_ref(chunk), "{n} beside {bent}");
    }
    store.close().await;
}

/// Bytes that nothing else has.
fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(seed);
    (0..len).map(|_| random.u8(..)).collect()
}

/// Exchanges bytes wherever these lie in the log.
fn bend_in(dir: &Path, wanted: &[u8], bytes: usize) {
    let whole = fs::read(dir.join(LOG_FILE)).unwrap();
    let log = OpenOptions::new().write(true).open(dir.join(LOG_FILE)).unwrap();
    for (at, _) in whole.windows(wanted.len()).enumerate().filter(|(_, here)| *here == wanted) {
        let others: Vec<u8> = whole[at..].iter().take(bytes).map(|byte| byte ^ 1).collect();
        log.write_all_at(&others, at as u64).unwrap();
    }
}

/// ST42: what is read of a sound log without sled is what sled reads, to the byte; also where chunks were deleted and segments used again.
#[tokio::test]
async fn st42_a_log_is_read_without_sled_as_sled_reads_it() {
    let (closed, killed) = (Directory::new(), Directory::new());
    let expected = written(&closed, &killed).await;
    let folded = copy(closed.path());
    let store = opened(&folded);
    for (n, stored) in expected.iter().filter(|(n, _)| *n % 2 == 0) {
        let delete = stored.chunks.iter().map(Chunk::key).collect();
        store.commit(Batch { delete, ..batch(*n, vec![changes(&[*n; 5_000])]) }).await.unwrap();
    }
    for round in 0..40 {
        let record =
            |n: usize| (format!("record {n}").replace(' ', "-"), Some(Bytes::from(vec![round; n * 300])));
        store.write_records(Space::Rules, (0..20).map(record).collect()).await.unwrap();
    }
    store.close().await;
    drop(store);
    let indexed = copy(folded.path());
    indexed.open().close().await;
    for (name, dir) in [("closed", &closed), ("killed", &killed), ("folded", &folded), ("indexed", &indexed)]
    {
        let read = salvage::read(&fs::File::open(dir.path().join(LOG_FILE)).unwrap()).unwrap();
        let mut sleds = BTreeMap::new();
        dir.tampered_with(|db| {
            sleds.extend(db.iter().map(Result::unwrap).map(|(key, record)| (key.to_vec(), record.to_vec())));
        });
        let differ: Vec<_> =
            read.keys().chain(sleds.keys()).filter(|key| read.get(*key) != sleds.get(*key)).collect();
        assert!(differ.is_empty(), "{name}: {} of {} {:?}", differ.len(), sleds.len(), differ.first());
    }
}

/// ST42: the same of a log in which segments and the numbers of pages were used again and again, so that much in it is of pages that are no longer.
#[tokio::test]
async fn st42_what_is_no_longer_is_not_read() {
    let dir = Directory::new();
    let mut random = fastrand::Rng::with_seed(42);
    for round in 0..3 {
        let store = opened(&dir);
        for _ in 0..12 {
            let commits = (0..100).map(|_| {
                let (n, size) = (random.u8(..), [100, 300, 900, 3_000, 40_000][random.usize(..5)]);
                let chunk = changes(&std::iter::repeat_with(|| random.u8(..)).take(size).collect::<Vec<_>>());
                let (store, folds) = (&store, random.u8(..8) == 0);
                async move {
                    let found = if folds { store.load(&id(n)).await.unwrap() } else { None };
                    let delete = found.iter().flat_map(|found| &found.chunks).map(Chunk::key).collect();
                    store.commit(Batch { delete, ..batch(n, vec![chunk]) }).await.unwrap();
                }
            });
            futures_util::future::join_all(commits).await;
        }
        store.close().await;
        drop(store);
        let read = salvage::read(&fs::File::open(dir.path().join(LOG_FILE)).unwrap()).unwrap();
        let copy = copy(dir.path());
        let mut sleds = BTreeMap::new();
        copy.tampered_with(|db| {
            sleds.extend(db.iter().map(Result::unwrap).map(|(key, record)| (key.to_vec(), record.to_vec())));
        });
        let differ = read.keys().chain(sleds.keys()).filter(|key| read.get(*key) != sleds.get(*key)).count();
        assert_eq!(differ, 0, "round {round}: of {} records", sleds.len());
    }
}

/// ST42: whatever is cut off or bent, the store is refused as damaged or is as it was; and what can be read of it can be looked at, is kept by
/// whoever goes on with it, and is never anything but what once was stored.
#[tokio::test]
async fn st42_what_can_be_read_of_a_damaged_log_is_kept() {
    let (closed, killed) = (Directory::new(), Directory::new());
    let expected = written(&closed, &killed).await;
    let indexed = copy(closed.path());
    indexed.open().close().await;
    for (name, whole) in [("closed", &closed), ("killed", &killed), ("indexed", &indexed)] {
        let bytes = fs::metadata(whole.path().join(LOG_FILE)).unwrap().len();
        let segments = bytes.div_ceil(SEGMENT_BYTES);
        let cuts = [1_000, 4_096, SEGMENT_BYTES].map(|cut| (cut, None));
        let zeroes = (0..8).map(|part| (0, Some(bytes * part / 8 / BLOCK as u64 * BLOCK as u64)));
        let segments = (0..segments).map(|segment| (1, Some(segment * SEGMENT_BYTES)));
        let (mut kept, mut trials) = (0, 0);
        for (cut, zeroed) in cuts.into_iter().chain(zeroes).chain(segments) {
            let trial = format!("{name}, cut by {cut}, zeroed at {zeroed:?}");
            let bent = copy(whole.path());
            let log = OpenOptions::new().write(true).open(bent.path().join(LOG_FILE)).unwrap();
            match zeroed {
                None => log.set_len(bytes - cut).unwrap(),
                Some(at) if cut == 0 => log.write_all_at(&[0; BLOCK], at.min(bytes - BLOCK as u64)).unwrap(),
                Some(at) => log.write_all_at(&vec![0; SEGMENT_BYTES.min(bytes - at) as usize], at).unwrap(),
            }
            match SledStore::open(bent.path(), Floor::Bytes(0)) {
                Ok(store) => store.close().await,
                Err(error) => {
                    assert!(matches!(error, OpenError::Corrupt { .. }), "{trial}: {error:?}");
                    assert!(error.to_string().contains("--leave-out-damaged"), "{trial}: {error}");
                }
            }
            let (store, _) = SledStore::open_as_it_is(bent.path()).expect(&trial);
            let rebuild = Rebuild::in_place_of(&store).expect(&trial);
            let mut found = BTreeMap::new();
            for (n, stored) in &expected {
                let Ok(Some(Stored { manifest, chunks })) = store.load(&id(*n)).await else { continue };
                assert!(chunks.iter().all(|chunk| stored.chunks.contains(chunk)), "{trial}: {n}");
                found.insert(*n, chunks.clone());
                let copied = Batch { document: id(*n), put: chunks, delete: vec![], manifest };
                rebuild.store().commit(copied).await.unwrap();
            }
            store.close().await;
            drop(store);
            rebuild.finish().await.unwrap();
            let store = SledStore::open(bent.path(), Floor::Bytes(0)).expect(&trial);
            for (n, chunks) in &found {
                assert_eq!(store.load(&id(*n)).await.unwrap().unwrap().chunks, *chunks, "{trial}: {n}");
            }
            store.close().await;
            assert!(!bent.path().join("salvaged").exists(), "{trial}");
            (kept, trials) = (kept + found.len(), trials + 1);
        }
        let all = trials * expected.len();
        eprintln!("{name}: {kept} of {all} in {trials} trials");
        assert!(kept * 2 > all, "{name}: {kept} of {all}");
    }
}

/// What is done to the header of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bend {
    /// Of one byte.
    Flip(u64),
    /// Of the block in which it lies.
    Zeroes,
}

impl Bend {
    /// Says whether there was anything to be bent.
    fn at(self, dir: &Path, segment: u64) -> bool {
        let log = OpenOptions::new().read(true).write(true).open(dir.join(LOG_FILE)).unwrap();
        let mut block = vec![0; BLOCK];
        log.read_exact_at(&mut block, segment).unwrap();
        if block[..20] == [0; 20] {
            return false;
        }
        match self {
            Self::Flip(byte) => block[byte as usize] ^= 0x41,
            Self::Zeroes => block.fill(0),
        }
        log.write_all_at(&block, segment).unwrap();
        true
    }
}

async fn look(bent: &Directory, expected: &BTreeMap<u8, Stored>, outcome: &mut Outcome, trial: &str) {
    let store = match SledStore::open(bent.path(), Floor::Bytes(0)) {
        Ok(store) => store,
        Err(_) => return outcome.refused += 1,
    };
    outcome.opened += 1;
    for (&n, stored) in expected {
        match store.load(&id(n)).await {
            Ok(Some(found)) if found == *stored => outcome.sound += 1,
            Ok(found) => {
                outcome.wrong += 1;
                eprintln!("{trial}: document {n}: {:?}", found.map(|found| found.chunks.len()));
            }
            Err(_) => outcome.fenced += 1,
        }
        let written = store.commit(batch(n, vec![changes(b"later")])).await;
        match written {
            Ok(()) => outcome.taken += 1,
            Err(CommitError::Damaged { .. }) => outcome.refused_alone += 1,
            Err(error) => {
                outcome.stopped += 1;
                eprintln!("{trial}: {n}: {error}");
            }
        }
    }
    store.close().await;
}

fn copy(from: &Path) -> Directory {
    let to = Directory::new();
    copy_into(from, to.path());
    to
}

fn copy_into(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

/// Bends the log, at a place that was written.
fn bend(dir: &Path, way: Way, seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let log = OpenOptions::new().read(true).write(true).open(dir.join(LOG_FILE)).unwrap();
    let bytes = fs::read(dir.join(LOG_FILE)).unwrap();
    let end = bytes.iter().rposition(|&byte| byte != 0).unwrap();
    let at = random.usize(..end);
    match way {
        Way::Bit => log.write_all_at(&[bytes[at] ^ (1 << random.u8(..8))], at as u64).unwrap(),
        Way::Zeroes => log.write_all_at(&[0; BLOCK], (at / BLOCK * BLOCK) as u64).unwrap(),
        Way::CutShort => log.set_len((end - random.usize(..20 << 10)) as u64).unwrap(),
    }
}
