//! Sealed stores over memory and over a disk: the contract of every store, and what a key is for.

use super::cipher::NONCE_BYTES;
use super::*;
use dovetail_core::document::chunk::{ChunkKind, Lifecycle};
use dovetail_core::grant::{Entry, Grantee, Role};
use dovetail_core::time::Timestamp;
use dovetail_store::contract::Place;
use dovetail_store::{Floor, MemoryStore, SledStore};
use std::path::Path;
use tempfile::TempDir;
use tokio::runtime::Handle;
use tokio::task::block_in_place;

mod over_memory {
    dovetail_store::keeps_the_contract!(super::OverMemory(dovetail_store::MemoryStore::new()));
}

mod over_sled {
    dovetail_store::keeps_the_contract!(super::OverSled::new());
}

struct OverMemory(MemoryStore);

impl Place for OverMemory {
    fn open(&self) -> Arc<dyn Store> {
        sealed_at_once(&(Arc::new(self.0.reopened()) as Arc<dyn Store>))
    }
}

struct OverSled(TempDir);

impl OverSled {
    /// A store that was opened before: at the first time a record is written, and sled counts that among its commits.
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        place.open();
        place
    }
}

impl Place for OverSled {
    fn open(&self) -> Arc<dyn Store> {
        sealed_at_once(&sled_in(self.0.path()))
    }
}

/// For the contract, which opens its places without waiting.
fn sealed_at_once(below: &Arc<dyn Store>) -> Arc<dyn Store> {
    block_in_place(|| Handle::current().block_on(async { Arc::new(sealed(below).await) }))
}

fn sled_in(dir: &Path) -> Arc<dyn Store> {
    Arc::new(SledStore::open(dir, Floor::Bytes(0)).unwrap())
}

async fn sealed(below: &Arc<dyn Store>) -> SealedStore {
    SealedStore::open(Arc::clone(below), key(1)).await.unwrap()
}

fn in_memory() -> Arc<dyn Store> {
    Arc::new(MemoryStore::new())
}

fn key(n: u8) -> StoreKey {
    StoreKey::from_bytes([n; 32])
}

fn id(n: u8) -> DocumentId {
    DocumentId::from_bytes(&[n; 16]).unwrap()
}

fn chunk(kind: ChunkKind, text: &str) -> Chunk {
    Chunk::new(kind, Bytes::copy_from_slice(text.as_bytes()))
}

fn changes(text: &str) -> Chunk {
    chunk(ChunkKind::Changes, text)
}

fn batch(document: &DocumentId, put: Vec<Chunk>) -> Batch {
    let manifest = Manifest {
        heads: put.iter().map(|chunk| automerge::ChangeHash(chunk.key().hash)).collect(),
        changes: put.len() as u64,
        bytes: 10,
        kind: Some("kind-walrus".to_owned()),
        title: Some("title-walrus".to_owned()),
        created_at: Timestamp::from_millis(1),
        changed_at: Timestamp::from_millis(2),
        lifecycle: Lifecycle::Live,
        access: Arc::new(Access {
            owner: Some("owner-walrus".parse().unwrap()),
            entries: vec![Entry {
                to: Grantee::Group("group-walrus".into()),
                role: Role::Read,
                limits: None,
                until: None,
            }],
            follows: None,
        }),
    };
    Batch { document: document.clone(), put, delete: vec![], manifest }
}

fn write(name: &str, value: &[u8]) -> Vec<(String, Option<Bytes>)> {
    vec![(name.to_owned(), Some(Bytes::copy_from_slice(value)))]
}

async fn texts(store: &dyn Store, document: &DocumentId) -> Vec<String> {
    let chunks = store.load(document).await.unwrap().unwrap().chunks;
    let mut texts: Vec<_> =
        chunks.iter().map(|chunk| String::from_utf8(chunk.bytes().to_vec()).unwrap()).collect();
    texts.sort();
    texts
}

/// What there is to be hidden: a document with chunks of all kinds, and records in all spaces.
async fn write_walruses(store: &dyn Store) {
    let kinds = [ChunkKind::Snapshot, ChunkKind::Changes, ChunkKind::Authors];
    let large = "snapshot-walrus ".repeat(10_000);
    let mut put: Vec<_> = kinds.iter().map(|kind| chunk(*kind, "chunk-walrus")).collect();
    put.push(chunk(ChunkKind::Snapshot, &large));
    store.commit(batch(&id(1), put)).await.unwrap();
    for space in Space::ALL {
        store.write_records(space, write("name", b"record-walrus")).await.unwrap();
    }
    let full = b"full-walrus ".iter().copied().cycle().take(RECORD_BYTES_MAX).collect::<Vec<_>>();
    store.write_records(Space::Notes, write("full", &full)).await.unwrap();
}

fn files_in(dir: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        bytes.extend(if path.is_dir() { files_in(&path) } else { std::fs::read(path).unwrap() });
    }
    bytes
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// RC40: on the disk there is nothing of what documents and records say, nor of their kinds, their titles and who may see them.
#[tokio::test]
async fn rc40_nothing_of_the_content_is_on_the_disk() {
    let (plain, under_key) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = sled_in(plain.path());
    write_walruses(&*store).await;
    store.close().await;
    let store = sealed(&sled_in(under_key.path())).await;
    write_walruses(&store).await;
    store.close().await;

    // The plain one shows that the search would find it.
    let written = ["chunk", "snapshot", "record", "full", "kind", "title", "owner", "group"];
    let plain = files_in(plain.path());
    for what in written {
        assert!(contains(&plain, &format!("{what}-walrus")), "{what}");
    }
    let under_key = files_in(under_key.path());
    assert!(under_key.len() > RECORD_BYTES_MAX);
    assert!(!contains(&under_key, "walrus") && !contains(&under_key, "WALRUS"));
    let in_hex = to_hex(b"walrus");
    assert!(!contains(&under_key, &in_hex));
}

/// RC40: a key does not show itself.
#[test]
fn rc40_a_key_does_not_show_itself() {
    let shown = format!("{:?} {:?}", key(0xab), KeyError::WrongKey);
    assert_eq!(shown, "StoreKey(..) WrongKey");
}

/// RC41: a store opens with its own key only, and is as it was after another one was tried.
#[tokio::test]
async fn rc41_another_key_is_refused() {
    let below = in_memory();
    assert_eq!(needs_key(&*below).await, Ok(false));
    write_walruses(&sealed(&below).await).await;
    assert_eq!(needs_key(&*below).await, Ok(true));

    let refused = SealedStore::open(Arc::clone(&below), key(2)).await.unwrap_err();
    assert_eq!(refused, KeyError::WrongKey);
    let store = sealed(&below).await;
    assert_eq!(store.load(&id(1)).await.unwrap().unwrap().chunks.len(), 4);
    assert_eq!(store.record(Space::Server, "name").await.unwrap().unwrap(), "record-walrus");
}

/// RC41: a store with nothing in it is under its key from the first opening on.
#[tokio::test]
async fn rc41_an_empty_store_belongs_to_the_first_key() {
    let below = in_memory();
    sealed(&below).await;
    assert_eq!(needs_key(&*below).await, Ok(true));
    let refused = SealedStore::open(Arc::clone(&below), key(2)).await.unwrap_err();
    assert_eq!(refused, KeyError::WrongKey);
}

/// RC41: a store that was made without a key is not mixed with one that has one, be it a document or a record that it holds.
#[tokio::test]
async fn rc41_a_plain_store_is_refused_with_a_key() {
    let (with_a_document, with_a_record) = (in_memory(), in_memory());
    with_a_document.commit(batch(&id(1), vec![])).await.unwrap();
    with_a_record.write_records(Space::Notes, write("name", b"value")).await.unwrap();
    for below in [with_a_document, with_a_record] {
        let refused = SealedStore::open(Arc::clone(&below), key(1)).await.unwrap_err();
        assert_eq!(refused, KeyError::NotSealed);
        assert_eq!(needs_key(&*below).await, Ok(false), "nothing was written into it");
    }
}

/// RC41: where the check is gone, as after damage, a document that opens with the key tells as much; with another key nothing is begun.
#[tokio::test]
async fn rc41_a_store_that_lost_its_check_is_told_by_its_documents() {
    let below = in_memory();
    write_walruses(&sealed(&below).await).await;
    below.write_records(Space::Server, vec![(KEY_CHECK.to_owned(), None)]).await.unwrap();
    let refused = SealedStore::open(Arc::clone(&below), key(2)).await.unwrap_err();
    assert_eq!(refused, KeyError::NotSealed);
    assert_eq!(sealed(&below).await.load(&id(1)).await.unwrap().unwrap().chunks.len(), 4);
    assert_eq!(needs_key(&*below).await, Ok(true));
}

/// RC41: what the store writes for itself is nobody else's.
#[tokio::test]
async fn rc41_the_check_of_the_key_is_no_record_of_anybody() {
    let store = sealed(&in_memory()).await;
    assert_eq!(store.record(Space::Server, KEY_CHECK).await, Ok(None));
    assert_eq!(store.records(Space::Server, None, 10).await, Ok(vec![]));
    let refused = store.write_records(Space::Server, vec![(KEY_CHECK.to_owned(), None)]).await;
    assert_eq!(refused, Err(CommitError::BadName { name: KEY_CHECK.to_owned() }));
}

/// RC42: a chunk that was put into another document, became another kind of chunk, was cut or has another bit is damage of that document alone.
#[tokio::test]
async fn rc42_a_chunk_that_was_moved_or_bent_is_damage_of_its_document() {
    let below = in_memory();
    let store = sealed(&below).await;
    store.commit(batch(&id(1), vec![changes("of the first")])).await.unwrap();
    let from = below.load(&id(1)).await.unwrap().unwrap().chunks.remove(0).bytes().clone();
    let mut bent = vec![("moved", ChunkKind::Changes, from.clone())];
    bent.extend(
        [0, SEAL_BYTES - 1, from.len() - 1].map(|length| ("cut", ChunkKind::Changes, from.slice(..length))),
    );
    for bit in 0..from.len() * 8 {
        let mut bytes = from.to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        bent.push(("a bit", ChunkKind::Changes, bytes.into()));
    }
    for (what, kind, bytes) in bent {
        let document = if what == "moved" { id(2) } else { id(1) };
        assert_damaged(&below, &document, Chunk::new(kind, bytes), what).await;
    }
    assert_damaged(&below, &id(1), Chunk::new(ChunkKind::Snapshot, from), "another kind").await;
}

/// Puts a chunk below beside what is there, looks, and takes it away again.
async fn assert_damaged(below: &Arc<dyn Store>, document: &DocumentId, bent: Chunk, what: &str) {
    let store = sealed(below).await;
    store.commit(batch(document, vec![changes("of its own")])).await.unwrap();
    store.commit(batch(&id(3), vec![changes("beside it")])).await.unwrap();
    let found = below.load(document).await.unwrap().unwrap();
    let as_it_was =
        Batch { document: document.clone(), put: vec![], delete: vec![bent.key()], manifest: found.manifest };
    below.commit(Batch { put: vec![bent], delete: vec![], ..as_it_was.clone() }).await.unwrap();

    let loaded = store.load(document).await;
    let LoadError::Damaged { document: of, .. } = loaded.expect_err(what) else { panic!("{what}") };
    assert_eq!(of, *document);
    assert_eq!(texts(&store, &id(3)).await, ["beside it"]);
    // A batch that has to look for what it deletes finds the damage, and is not written.
    let deletes = Batch { delete: vec![changes("never there").key()], ..batch(document, vec![]) };
    let refused = store.commit(deletes).await;
    assert!(matches!(refused, Err(CommitError::Damaged { .. })), "{what}: {refused:?}");

    below.commit(as_it_was).await.unwrap();
    assert!(texts(&store, document).await.contains(&"of its own".to_owned()));
}

/// RC42: a manifest that goes with another document, or of which anything is another, is damage of that document alone, and is told as that in lists.
#[tokio::test]
async fn rc42_a_manifest_that_was_moved_or_bent_is_damage_of_its_document() {
    let below = in_memory();
    let store = sealed(&below).await;
    for n in [1, 2] {
        store.commit(batch(&id(n), vec![changes("a")])).await.unwrap();
    }
    let written = below.manifest(&id(1)).await.unwrap().unwrap();
    let title = written.title.clone().unwrap();
    let bent = [
        below.manifest(&id(2)).await.unwrap().unwrap(),
        Manifest { title: None, ..written.clone() },
        Manifest { title: Some(title[..title.len() - 1].to_owned()), ..written.clone() },
        Manifest { title: Some(title.to_uppercase()), ..written.clone() },
        Manifest { title: Some(flipped(&title)), ..written.clone() },
        Manifest { title: Some("ä".repeat(40)), ..written.clone() },
        Manifest { heads: vec![], ..written.clone() },
        Manifest { changes: 9, ..written.clone() },
        Manifest { bytes: 9, ..written.clone() },
        Manifest { created_at: Timestamp::from_millis(9), ..written.clone() },
        Manifest { changed_at: Timestamp::from_millis(9), ..written.clone() },
        Manifest { lifecycle: Lifecycle::Deleted { at: Timestamp::from_millis(0) }, ..written.clone() },
    ];
    for manifest in bent {
        let what = format!("{manifest:?}");
        below.commit(Batch { manifest, ..batch(&id(1), vec![]) }).await.unwrap();
        assert!(matches!(store.manifest(&id(1)).await, Err(LoadError::Damaged { .. })), "{what}");
        assert!(matches!(store.load(&id(1)).await, Err(LoadError::Damaged { .. })), "{what}");
        let listed = store.list(None, 10).await.unwrap();
        assert_eq!(
            listed.iter().map(|(_, found)| found.is_ok()).collect::<Vec<_>>(),
            [false, true],
            "{what}"
        );
    }
    // What lies in the places of what is hidden is not looked at.
    let ignored = Manifest { kind: Some("dashboard".to_owned()), ..written };
    below.commit(Batch { manifest: ignored, ..batch(&id(1), vec![]) }).await.unwrap();
    let expected = batch(&id(1), vec![changes("a")]).manifest;
    assert_eq!(store.manifest(&id(1)).await, Ok(Some(expected)));
}

fn flipped(title: &str) -> String {
    let last = if title.ends_with('0') { '1' } else { '0' };
    format!("{}{last}", &title[..title.len() - 1])
}

/// RC42: a record under another name or in another space, or with another bit, is damage; the others are read.
#[tokio::test]
async fn rc42_a_record_that_was_moved_or_bent_is_damage() {
    let below = in_memory();
    let store = sealed(&below).await;
    store.write_records(Space::Rules, write("name", b"value")).await.unwrap();
    store.write_records(Space::Rules, write("beside", b"it")).await.unwrap();
    let written = below.record(Space::Rules, "name").await.unwrap().unwrap();
    let mut one_bit = written.to_vec();
    one_bit[NONCE_BYTES] ^= 1;
    let bent: [(Space, &str, &[u8]); 5] = [
        (Space::Rules, "name", &one_bit),
        (Space::Rules, "name", &written[..written.len() - 1]),
        (Space::Rules, "name", b""),
        (Space::Rules, "nam", &written),
        (Space::Access, "name", &written),
    ];
    for (space, name, value) in bent {
        below.write_records(space, write(name, value)).await.unwrap();
        assert!(matches!(store.record(space, name).await, Err(LoadError::Unreadable { .. })), "{name}");
        assert!(matches!(store.records(space, None, 10).await, Err(LoadError::Unreadable { .. })));
        assert_eq!(store.record(Space::Rules, "beside").await.unwrap().unwrap(), "it");
    }
}

/// RC42: the same of a record that needs two below: neither goes with another one, and of none a part is left behind.
#[tokio::test]
async fn rc42_the_two_parts_of_a_full_record_belong_together() {
    let below = in_memory();
    let store = sealed(&below).await;
    let rest = name_of_rest("full");
    let mut rests = Vec::new();
    for length in RECORD_BYTES_MAX - SEAL_BYTES - 1..=RECORD_BYTES_MAX {
        let value = vec![7; length];
        store.write_records(Space::Notes, write("full", &value)).await.unwrap();
        assert_eq!(store.record(Space::Notes, "full").await.unwrap().unwrap(), value);
        assert_eq!(store.records(Space::Notes, None, 1).await.unwrap().len(), 1);
        rests.push(below.record(Space::Notes, &rest).await.unwrap());
    }
    assert!(rests[0].is_none() && rests[1..].iter().all(Option::is_some));

    let of_another = rests[SEAL_BYTES].clone();
    for bent in [of_another, None] {
        below.write_records(Space::Notes, vec![(rest.clone(), bent)]).await.unwrap();
        assert!(matches!(store.record(Space::Notes, "full").await, Err(LoadError::Unreadable { .. })));
    }
    store.write_records(Space::Notes, write("full", &[8; RECORD_BYTES_MAX])).await.unwrap();
    store.write_records(Space::Notes, write("full", b"short")).await.unwrap();
    assert_eq!(below.records(Space::Notes, None, 10).await.unwrap().len(), 1);
}

/// RC42: a record that is replaced between the reading of its two parts is read once more, and is no damage.
#[tokio::test]
async fn rc42_a_full_record_that_is_replaced_meanwhile_is_no_damage() {
    let below = in_memory();
    let store = sealed(&below).await;
    for after in [vec![2; RECORD_BYTES_MAX], b"short".to_vec()] {
        store.write_records(Space::Notes, write("full", &[1; RECORD_BYTES_MAX])).await.unwrap();
        let first_part = below.record(Space::Notes, "full").await.unwrap().unwrap();
        store.write_records(Space::Notes, write("full", &after)).await.unwrap();
        let page = vec![("full".to_owned(), first_part)];
        assert_eq!(store.sealed.open_records(Space::Notes, page).await, Ok(None), "it is to be read again");
        assert_eq!(store.record(Space::Notes, "full").await.unwrap().unwrap(), after);
    }
}

/// RC43: batches of a document take effect in the order in which they were asked for, also where the first one names chunks that this process has not
/// seen, and nobody waits for it any more.
#[tokio::test]
async fn rc43_a_batch_that_has_to_look_first_keeps_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let store = sealed(&sled_in(dir.path())).await;
    store.commit(batch(&id(1), vec![changes("a"), changes("b")])).await.unwrap();
    store.close().await;
    drop(store);

    let store = sealed(&sled_in(dir.path())).await;
    let delete = vec![changes("a").key(), changes("b").key()];
    let folded = Batch { delete, ..batch(&id(1), vec![chunk(ChunkKind::Snapshot, "a and b")]) };
    assert_eq!(store.commit(folded).now_or_never(), None, "it waits, and is dropped");
    let again = Batch {
        manifest: Manifest { changes: 7, ..batch(&id(1), vec![]).manifest },
        ..batch(&id(1), vec![changes("a")])
    };
    store.commit(again).await.unwrap();
    assert_eq!(texts(&store, &id(1)).await, ["a", "a and b"]);
    assert_eq!(store.manifest(&id(1)).await.unwrap().unwrap().changes, 7);

    // What waits for its turn when the store is closed was accepted.
    drop(store);
    let store = sealed(&sled_in(dir.path())).await;
    let last = Batch { delete: vec![changes("a").key()], ..batch(&id(1), vec![changes("last")]) };
    let mut last = store.commit(last);
    assert_eq!((&mut last).now_or_never(), None);
    store.close().await;
    assert_eq!(last.await, Ok(()));
    drop(store);
    assert_eq!(texts(&sealed(&sled_in(dir.path())).await, &id(1)).await, ["a and b", "last"]);
}

/// RC43: what is remembered of a document is what is stored of it: what was folded in is forgotten, and what was put again is not.
#[tokio::test]
async fn rc43_names_of_chunks_that_are_gone_are_forgotten() {
    let store = sealed(&in_memory()).await;
    let mut held = Vec::new();
    for n in 0..100 {
        let delete = if n % 10 == 9 { mem::take(&mut held) } else { vec![] };
        let put = changes(&n.to_string());
        held.push(put.key());
        store.commit(Batch { delete, ..batch(&id(1), vec![put]) }).await.unwrap();
    }
    let remembered = || async { store.sealed.line_of(&id(1)).lock().await.len() };
    assert_eq!(remembered().await, held.len());

    let both = Batch { delete: held.clone(), ..batch(&id(1), vec![changes("99")]) };
    store.commit(both).await.unwrap();
    assert_eq!(remembered().await, 1);
    store.commit(Batch { delete: held, ..batch(&id(1), vec![]) }).await.unwrap();
    assert_eq!(texts(&store, &id(1)).await, [""; 0]);
    assert_eq!(remembered().await, 0);
}

/// RC43: a chunk that leaves no room for its seal is refused with what it has and what fits.
#[tokio::test]
async fn rc43_a_chunk_without_room_for_its_seal_is_refused() {
    let store = sealed(&in_memory()).await;
    let fits = CHUNK_BYTES_MAX - SEAL_BYTES;
    let large = Chunk::new(ChunkKind::Snapshot, vec![0; fits + 1].into());
    let refused = store.commit(batch(&id(1), vec![large])).await;
    assert_eq!(refused, Err(CommitError::TooLarge { bytes: fits + 1, bytes_max: fits }));
    assert_eq!(store.load(&id(1)).await, Ok(None));
}
