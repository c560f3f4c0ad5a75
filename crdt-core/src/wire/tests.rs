//! A table of frames made by hand, and properties over all messages.

use super::*;
use proptest::prelude::*;
use serde_json::json;

/// CBOR written down piece by piece, odd forms included.
mod cbor {
    pub(super) fn text(text: &str) -> Vec<u8> {
        let mut bytes = vec![0x78, u8::try_from(text.len()).unwrap()];
        bytes.extend_from_slice(text.as_bytes());
        bytes
    }

    pub(super) fn bytes(bytes: &[u8]) -> Vec<u8> {
        [&[0x58, u8::try_from(bytes.len()).unwrap()], bytes].concat()
    }

    pub(super) fn float(number: f64) -> Vec<u8> {
        [&[0xfb], &number.to_be_bytes()[..]].concat()
    }

    pub(super) fn list(items: &[Vec<u8>]) -> Vec<u8> {
        [vec![0x98, u8::try_from(items.len()).unwrap()], items.concat()].concat()
    }

    /// A map with the 16-bit header that JavaScript writes.
    pub(super) fn map(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
        let mut bytes = vec![0xb9, 0, u8::try_from(entries.len()).unwrap()];
        entries.iter().for_each(|(key, value)| bytes.extend([text(key), value.clone()].concat()));
        bytes
    }

    pub(super) const NULL: [u8; 1] = [0xf6];
    pub(super) const UNDEFINED: [u8; 1] = [0xf7];
    pub(super) const BREAK: u8 = 0xff;
}
use cbor::{bytes, float, list, map, text};

const DOCUMENT_BYTES: [u8; 16] = [7; 16];

fn document() -> DocumentId {
    DocumentId::from_bytes(&DOCUMENT_BYTES).unwrap()
}

fn document_text() -> Vec<u8> {
    text(&document().to_string())
}

fn peer(name: &str) -> PeerId {
    name.parse().unwrap()
}

fn storage(name: &str) -> StorageId {
    name.parse().unwrap()
}

fn sync_fields() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("type", text("sync")),
        ("senderId", text("ada")),
        ("targetId", text("server")),
        ("documentId", document_text()),
        ("data", bytes(&[0x42, 1, 2])),
    ]
}

fn sync_message() -> Message<'static> {
    Message::Sync(Sync {
        kind: SyncKind::Sync,
        sender: peer("ada"),
        target: Some(peer("server")),
        document: document(),
        data: Cow::Borrowed(&[0x42, 1, 2]),
    })
}

/// The `sync` of [`sync_fields`] with one field changed, added, or (with no value) left out.
fn sync_with(field: &'static str, value: Option<Vec<u8>>) -> Vec<u8> {
    changed(sync_fields(), field, value)
}

fn changed(mut fields: Vec<(&'static str, Vec<u8>)>, field: &'static str, value: Option<Vec<u8>>) -> Vec<u8> {
    fields.retain(|(name, _)| *name != field);
    fields.extend(value.map(|value| (field, value)));
    map(&fields)
}

fn ephemeral_with(field: &'static str, value: Option<Vec<u8>>) -> Vec<u8> {
    let fields = vec![
        ("type", text("ephemeral")),
        ("senderId", text("ada")),
        ("targetId", text("server")),
        ("documentId", document_text()),
        ("count", vec![7]),
        ("sessionId", text("s1")),
        ("data", bytes(&[0xa0])),
    ];
    changed(fields, field, value)
}

fn count_of(frame: &[u8]) -> Result<u64, BadFrame> {
    match decode(frame)? {
        Message::Ephemeral(ephemeral) => Ok(ephemeral.count),
        other => panic!("an ephemeral message was read as {other:?}"),
    }
}

fn remote_heads_with(new_heads: Vec<u8>) -> Vec<u8> {
    map(&[
        ("type", text("remote-heads-changed")),
        ("senderId", text("ada")),
        ("targetId", text("server")),
        ("documentId", document_text()),
        ("newHeads", new_heads),
    ])
}

/// WI1: the form that JavaScript writes, and every other form of the same message.
#[test]
fn wi1_a_message_is_read_in_whatever_form_it_comes() {
    let javascript = map(&sync_fields());
    let reversed = map(&sync_fields().into_iter().rev().collect::<Vec<_>>());
    let endless = [&[0xbf], &javascript[3..], &[cbor::BREAK]].concat();
    let tagged = sync_with("data", Some([&[0xd8, 64][..], &bytes(&[0x42, 1, 2])].concat()));
    let in_pieces = sync_with("data", Some(vec![0x5f, 0x41, 0x42, 0x40, 0x42, 1, 2, 0xff]));
    let in_one_piece = sync_with("data", Some(vec![0x5f, 0x43, 0x42, 1, 2, 0xff]));
    let name_in_pieces = sync_with("senderId", Some(vec![0x7f, 0x61, b'a', 0x62, b'd', b'a', 0xff]));
    let bytes_as_id = sync_with("documentId", Some(bytes(&DOCUMENT_BYTES)));
    for (what, frame) in [
        ("JavaScript's", javascript),
        ("type last", reversed),
        ("indefinite map", endless),
        ("tagged bytes", tagged),
        ("bytes in pieces", in_pieces),
        ("bytes in one piece", in_one_piece),
        ("text in pieces", name_in_pieces),
        ("document id as bytes", bytes_as_id),
        ("ours", sync_message().encode()),
    ] {
        assert_eq!(decode(&frame), Ok(sync_message()), "{what}");
    }
}

/// WI2: nothing is copied that lies in the frame in one piece.
#[test]
fn wi2_data_is_borrowed_from_the_frame() {
    let frame = map(&sync_fields());
    let Ok(Message::Sync(sync)) = decode(&frame) else { panic!("a sync message") };
    assert!(matches!(sync.data, Cow::Borrowed(_)));
}

/// WI3: fields nobody knows are stepped over, whatever they hold, down to a depth.
#[test]
fn wi3_unknown_fields_are_stepped_over_to_a_bounded_depth() {
    let nested = |levels: usize| [vec![0x81; levels], vec![0]].concat();
    let tags = |levels: usize| [vec![0xc1; levels], vec![0]].concat();
    let maps = |levels: usize| [[0xa1, 0x61, b'k'].repeat(levels), vec![0]].concat();
    let endless = |levels: usize| [vec![0x9f; levels], vec![cbor::BREAK; levels]].concat();
    let half_float = vec![0xf9, 0x3c, 0];
    let odd_keys = vec![0xa3, 0x01, 0x02, 0x80, 0xf4, 0xf9, 0, 0, 0x20];
    for value in
        [half_float, odd_keys, vec![0xf8, 0xff], vec![0x3b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]]
    {
        assert_eq!(decode(&sync_with("later", Some(value.clone()))), Ok(sync_message()), "{value:02x?}");
    }
    for nest in [nested, tags, maps] {
        let deepest = NESTING_MAX - 1;
        assert_eq!(decode(&sync_with("later", Some(nest(deepest)))), Ok(sync_message()));
        let error = decode(&sync_with("later", Some(nest(deepest + 1)))).unwrap_err();
        assert_eq!(error, BadFrame::TooDeep { field: "an unknown field" });
        assert_eq!(decode(&sync_with("later", Some(nest(50_000)))), Err(error));
    }
    assert_eq!(decode(&sync_with("later", Some(endless(NESTING_MAX)))), Ok(sync_message()));
    assert_eq!(decode(&sync_with("later", Some(endless(50_000)))).unwrap_err().code(), "bad_frame");
}

/// WI3: a field of another type of message may hold what it likes.
#[test]
fn wi3_fields_that_are_not_this_messages_business_are_not_looked_at() {
    let frame = sync_with("newHeads", Some(text("nonsense")));
    assert_eq!(decode(&frame), Ok(sync_message()));
    let frame = map(&[("data", list(&[vec![1]])), ("type", text("dovetail-next"))]);
    assert_eq!(decode(&frame), Ok(Message::Unknown { kind: "dovetail-next".into() }));
}

/// WI4: a key that stands twice counts as it stands last, `undefined` included.
#[test]
fn wi4_the_last_of_two_equal_fields_counts() {
    let mut fields = sync_fields();
    fields.insert(0, ("senderId", text("ben")));
    assert_eq!(decode(&map(&fields)), Ok(sync_message()));
    fields.push(("senderId", cbor::UNDEFINED.to_vec()));
    assert_eq!(decode(&map(&fields)), Err(BadFrame::MissingField { field: "senderId" }));
}

/// WI5: `undefined`, `null` and absence are the same.
#[test]
fn wi5_undefined_null_and_absent_are_the_same() {
    let subscription = |remove: Option<Vec<u8>>| {
        let fields = vec![
            ("type", text("remote-subscription-change")),
            ("senderId", text("ada")),
            ("add", list(&[text("s1")])),
            ("targetId", cbor::UNDEFINED.to_vec()),
        ];
        changed(fields, "remove", remove)
    };
    let join = |metadata: Vec<u8>| {
        let versions = list(&[text("1")]);
        map(&[
            ("type", text("join")),
            ("senderId", text("ada")),
            ("peerMetadata", metadata),
            ("supportedProtocolVersions", versions),
        ])
    };
    for absent in [None, Some(cbor::NULL.to_vec()), Some(cbor::UNDEFINED.to_vec())] {
        let expected = Message::RemoteSubscriptionChange {
            sender: peer("ada"),
            target: None,
            add: vec![storage("s1")],
            remove: vec![],
        };
        assert_eq!(decode(&subscription(absent.clone())), Ok(expected));
        let missing = BadFrame::MissingField { field: "data" };
        assert_eq!(decode(&sync_with("data", absent.clone())), Err(missing));

        let storage_id = absent.map(|value| map(&[("storageId", value), ("isEphemeral", vec![0xf5])]));
        let metadata = storage_id.unwrap_or_else(|| map(&[("isEphemeral", vec![0xf5])]));
        let expected = Join {
            sender: peer("ada"),
            metadata: PeerMetadata { is_ephemeral: Some(true), ..PeerMetadata::default() },
            versions: vec!["1".to_owned()],
        };
        assert_eq!(decode(&join(metadata)), Ok(Message::Join(expected)));
    }
}

/// WI6: every field that a message of its type must have is missed by its name.
#[test]
fn wi6_a_missing_field_is_named() {
    for field in ["type", "senderId", "documentId", "data"] {
        assert_eq!(decode(&sync_with(field, None)), Err(BadFrame::MissingField { field }));
    }
    for field in ["count", "sessionId"] {
        assert_eq!(decode(&ephemeral_with(field, None)), Err(BadFrame::MissingField { field }));
    }
    let frame = sync_with("targetId", None);
    let no_target = decode(&frame).unwrap();
    assert!(matches!(no_target, Message::Sync(Sync { target: None, .. })), "stock servers never look at it");
    let no_versions = map(&[("type", text("join")), ("senderId", text("ada"))]);
    let Ok(Message::Join(join)) = decode(&no_versions) else { panic!("a join") };
    assert_eq!(join.versions, [PROTOCOL_VERSION], "stock servers take it so");
    assert!(join.speaks_our_version());
}

/// WI7: numbers come as integers or as float64, and are whole, exact and not negative.
#[test]
fn wi7_numbers_are_whole_and_exact() {
    let count = |value: Vec<u8>| count_of(&ephemeral_with("count", Some(value)));
    assert_eq!(count(vec![0x19, 1, 0]), Ok(256));
    assert_eq!(count(float(0.0)), Ok(0));
    assert_eq!(count(float(-0.0)), Ok(0));
    assert_eq!(count(float(5e9)), Ok(5_000_000_000));
    assert_eq!(count(float(WHOLE_NUMBER_MAX as f64)), Ok(WHOLE_NUMBER_MAX));
    assert_eq!(count([&[0xfa], &2.0f32.to_be_bytes()[..]].concat()), Ok(2));
    let beyond = [&[0x1b], &(WHOLE_NUMBER_MAX + 1).to_be_bytes()[..]].concat();
    for bad in [
        float(f64::NAN),
        float(f64::INFINITY),
        float(-1.0),
        float(0.5),
        float(9_007_199_254_740_992.0),
        float(1e300),
        beyond,
        vec![0x20],
        vec![0x3b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
    ] {
        assert_eq!(count(bad.clone()), Err(BadFrame::BadNumber { field: "count" }), "{bad:02x?}");
    }
    let expected = BadFrame::WrongType { field: "count", expected: "a number" };
    assert_eq!(count(text("7")), Err(expected));
}

/// WI8: ids are measured before they are decoded, and say what is wrong with them.
#[test]
fn wi8_ids_that_are_none_are_refused() {
    let document = |value: Vec<u8>| decode(&sync_with("documentId", Some(value))).unwrap_err();
    let long = [vec![0x7a, 0, 1, 0x86, 0xa0], vec![b'1'; 100_000]].concat();
    assert_eq!(document(long), BadFrame::BadDocumentId(crate::id::BadDocumentId::TooLong));
    assert_eq!(document(text("")), BadFrame::BadDocumentId(crate::id::BadDocumentId::Empty));
    assert_eq!(document(bytes(&[])), BadFrame::BadDocumentId(crate::id::BadDocumentId::Empty));
    assert_eq!(document(text("not one")).code(), "bad_document_id");
    assert_eq!(document(vec![1]).code(), "wrong_type");

    for (field, code) in [("senderId", "bad_peer_id"), ("targetId", "bad_peer_id")] {
        assert_eq!(decode(&sync_with(field, Some(text("")))).unwrap_err().code(), code);
        let long = [vec![0x79, 1, 1], vec![b'a'; 257]].concat();
        assert_eq!(decode(&sync_with(field, Some(long))).unwrap_err().code(), code);
    }
    let join = map(&[
        ("type", text("join")),
        ("senderId", text("ada")),
        ("peerMetadata", map(&[("storageId", text(""))])),
    ]);
    let error = decode(&join).unwrap_err();
    assert_eq!(
        (error.code(), error.to_string().as_str()),
        ("bad_storage_id", "peerMetadata.storageId names no storage")
    );
}

/// WI9: lists are bounded, and what a header claims is not believed.
#[test]
fn wi9_lists_are_bounded_and_claims_are_not_believed() {
    let many = |header: u8, most: usize, item: &[u8]| {
        let length = u16::try_from(most + 1).unwrap().to_be_bytes();
        [&[header], &length[..], &item.repeat(most + 1)].concat()
    };
    let subscription = |add: Vec<u8>| {
        map(&[("type", text("remote-subscription-change")), ("senderId", text("ada")), ("add", add)])
    };
    let error = decode(&subscription(many(0x99, STORAGE_IDS_MAX, b"\x61s"))).unwrap_err();
    assert_eq!(error, BadFrame::TooMany { field: "add", entries_max: STORAGE_IDS_MAX });
    let claims = subscription(vec![0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
    assert_eq!(decode(&claims).unwrap_err().code(), "bad_frame");

    let join = |versions: Vec<u8>| {
        let versions = ("supportedProtocolVersions", versions);
        map(&[("type", text("join")), ("senderId", text("ada")), versions])
    };
    assert_eq!(decode(&join(many(0x99, VERSIONS_MAX, b"\x611"))).unwrap_err().code(), "too_many");
    assert_eq!(
        decode(&join(list(&[text(&"1".repeat(VERSION_BYTES_MAX + 1))]))).unwrap_err().code(),
        "too_long"
    );

    let heads = many(0x99, HEADS_MAX, &text(&"1".repeat(50)));
    let known = map(&[("heads", heads), ("timestamp", vec![0])]);
    assert_eq!(decode(&remote_heads_with(map(&[("s1", known)]))).unwrap_err().code(), "bad_head");
    let storages = many(
        0xb9,
        STORAGE_IDS_MAX,
        &[text("s"), map(&[("heads", list(&[])), ("timestamp", vec![0])])].concat(),
    );
    assert_eq!(decode(&remote_heads_with(storages)).unwrap_err().code(), "too_many");
    let session = [vec![0x79, 1, 1], vec![b's'; 257]].concat();
    assert_eq!(decode(&ephemeral_with("sessionId", Some(session))).unwrap_err().code(), "too_long");
}

/// WI10: what is not one CBOR map is no message.
#[test]
fn wi10_a_frame_is_one_map_and_nothing_else() {
    assert_eq!(decode(&[]), Err(BadFrame::Truncated { field: "the frame" }));
    assert_eq!(decode(&[0xf6]), Err(BadFrame::NotAMap));
    assert_eq!(decode(b"{}"), Err(BadFrame::NotAMap));
    assert_eq!(decode(&[0xa0]), Err(BadFrame::MissingField { field: "type" }));
    assert_eq!(decode(&[map(&sync_fields()), vec![0]].concat()), Err(BadFrame::TrailingBytes));
    let not_utf8 = sync_with("senderId", Some(vec![0x62, 0xff, 0xfe]));
    assert_eq!(decode(&not_utf8), Err(BadFrame::Malformed { field: "senderId" }));
    let whole = map(&sync_fields());
    for end in 1..whole.len() {
        assert_eq!(decode(&whole[..end]).unwrap_err().code(), "bad_frame", "cut after {end} bytes");
    }
    for empty in [sync_with("data", Some(bytes(&[]))), ephemeral_with("data", Some(bytes(&[])))] {
        assert_eq!(decode(&empty), Err(BadFrame::Empty { field: "data" }));
    }
    for (field, value) in
        [("type", vec![1]), ("data", text("text")), ("data", [&[0xc1][..], &bytes(&[1])].concat())]
    {
        assert_eq!(decode(&sync_with(field, Some(value))).unwrap_err().code(), "wrong_type");
    }
}

/// WI11: a type we do not know is not an error; of an endless one only the beginning is kept.
#[test]
fn wi11_unknown_types_are_kept_short() {
    let long = "ü".repeat(100);
    let frame = map(&[("type", text(&long))]);
    let Ok(Message::Unknown { kind }) = decode(&frame) else { panic!("unknown") };
    assert_eq!(kind, "ü".repeat(UNKNOWN_KIND_BYTES_MAX / 2));
}

/// WI12: what a peer says of Dovetail's own messages.
#[test]
fn wi12_a_peer_announces_the_version_of_our_own_messages() {
    let metadata = |dovetail: Vec<u8>| {
        let metadata = ("peerMetadata", map(&[("dovetail", dovetail)]));
        match decode(&map(&[("type", text("join")), ("senderId", text("ada")), metadata]))? {
            Message::Join(join) => Ok(join.metadata.dovetail),
            other => panic!("a join was read as {other:?}"),
        }
    };
    assert_eq!(metadata(map(&[("v", vec![1])])), Ok(Some(1)));
    assert_eq!(metadata(map(&[("w", vec![1])])), Ok(None));
    assert_eq!(metadata(cbor::NULL.to_vec()), Ok(None));
    assert_eq!(
        metadata(map(&[("v", float(1e10))])),
        Err(BadFrame::BadNumber { field: "peerMetadata.dovetail.v" })
    );
    assert_eq!(metadata(vec![0xf5]).unwrap_err().code(), "wrong_type");
}

/// WI13: a storage that stands twice in one message counts as it stands last.
#[test]
fn wi13_remote_heads_hold_each_storage_once() {
    let known = |at: u8| map(&[("timestamp", vec![at]), ("heads", list(&[]))]);
    let frame = remote_heads_with(map(&[("s2", known(1)), ("s1", known(2)), ("s2", known(3))]));
    let Ok(Message::RemoteHeadsChanged { new_heads, .. }) = decode(&frame) else { panic!("remote heads") };
    let at = |millis| RemoteHeads { heads: vec![], at: Timestamp::from_millis(millis) };
    assert_eq!(new_heads, [(storage("s1"), at(2)), (storage("s2"), at(3))]);
}

/// WI13: heads come in base58check, from clients of version 1 in hex, and nothing else is one.
#[test]
fn wi13_heads_are_read_in_both_their_forms() {
    let hash = ChangeHash([0xee; 32]);
    let frame = |head: &str| {
        let known = map(&[("heads", list(&[text(head)])), ("timestamp", vec![0])]);
        remote_heads_with(map(&[("s1", known)]))
    };
    let base58 = bs58::encode(hash.0).with_check().into_string();
    for form in [base58.as_str(), &hash.to_string()] {
        let frame = frame(form);
        let Ok(Message::RemoteHeadsChanged { new_heads, .. }) = decode(&frame) else { panic!("{form}") };
        assert_eq!(new_heads[0].1.heads, [hash]);
    }
    let short = bs58::encode([1; 31]).with_check().into_string();
    for none in ["", &short, &base58[1..], &"g".repeat(64), &"1".repeat(65), &"ü".repeat(32)] {
        assert_eq!(decode(&frame(none)), Err(BadFrame::BadHead), "{none}");
    }
}

/// WI14: the frame for one reader is the frame of the whole message, in one allocation.
#[test]
fn wi14_an_envelope_makes_the_same_frame_as_the_message() {
    let envelope = SyncEnvelope::new(&peer("server"), &peer("ada"), &document());
    for length in [1, 23, 24, 255, 256, 65_535, 65_536, 100_000] {
        let data = vec![0x42; length];
        let message = Message::Sync(Sync {
            kind: SyncKind::Sync,
            sender: peer("server"),
            target: Some(peer("ada")),
            document: document(),
            data: data.as_slice().into(),
        });
        assert_eq!(envelope.frame(&data), message.encode(), "{length} bytes");
        assert_eq!(decode(&envelope.frame(&data)), Ok(message));
    }
    let relayed = Ephemeral {
        sender: peer("ada"),
        target: Some(peer("server")),
        document: document(),
        count: 5_000_000_000,
        session_id: "s1".into(),
        data: Cow::Borrowed(&[0xa0]),
    };
    let frame = EphemeralFrame::new(&relayed).frame(&peer("ben"));
    let for_ben = Message::Ephemeral(Ephemeral { target: Some(peer("ben")), ..relayed });
    assert_eq!(decode(&frame), Ok(for_ben.clone()));
    assert_eq!(frame, for_ben.encode());
}

/// WI15: what people write does not end up in a log line.
#[test]
fn wi15_a_message_shown_for_debugging_hides_its_data() {
    let shown = format!("{:?}", sync_message());
    assert!(shown.contains("data_bytes: 3") && !shown.contains("66"), "{shown}");
}

fn any_peer() -> impl Strategy<Value = PeerId> {
    "\\PC{1,40}".prop_map(|text| text.parse().unwrap())
}

fn any_storage() -> impl Strategy<Value = StorageId> {
    "[a-z0-9-]{1,40}".prop_map(|text| text.parse().unwrap())
}

fn any_document() -> impl Strategy<Value = DocumentId> {
    prop::collection::vec(any::<u8>(), 1..=crate::id::DOCUMENT_ID_BYTES_MAX)
        .prop_map(|bytes| DocumentId::from_bytes(&bytes).unwrap())
}

fn any_target() -> impl Strategy<Value = Option<PeerId>> {
    prop::option::of(any_peer())
}

fn any_data() -> impl Strategy<Value = Cow<'static, [u8]>> {
    prop::collection::vec(any::<u8>(), 1..300).prop_map(Cow::Owned)
}

fn any_number() -> impl Strategy<Value = u64> {
    prop_oneof![0u64..300, 0..=WHOLE_NUMBER_MAX, Just(u64::from(u32::MAX)), Just(WHOLE_NUMBER_MAX)]
}

fn any_metadata() -> impl Strategy<Value = PeerMetadata> {
    (prop::option::of(any_storage()), any::<Option<bool>>(), any::<Option<u32>>())
        .prop_map(|(storage_id, is_ephemeral, dovetail)| PeerMetadata { storage_id, is_ephemeral, dovetail })
}

fn any_remote_heads() -> impl Strategy<Value = RemoteHeads> {
    let heads = prop::collection::vec(any::<[u8; 32]>().prop_map(ChangeHash), 0..4);
    (heads, any_number()).prop_map(|(heads, at)| RemoteHeads { heads, at: Timestamp::from_millis(at) })
}

/// Every message that protocol "1" has, and some that it has not.
fn any_message() -> impl Strategy<Value = Message<'static>> {
    let addressed = || (any_peer(), any_target(), any_document());
    let kinds = || prop_oneof![Just(SyncKind::Sync), Just(SyncKind::Request)];
    let storages = || prop::collection::vec(any_storage(), 0..5);
    let new_heads = prop::collection::btree_map(any_storage(), any_remote_heads(), 0..5);
    prop_oneof![
        (any_peer(), any_metadata(), prop::collection::vec("\\PC{0,8}", 0..4))
            .prop_map(|(sender, metadata, versions)| Message::Join(Join { sender, metadata, versions })),
        (any_peer(), any_peer(), any_metadata(), "\\PC{0,8}").prop_map(
            |(sender, target, metadata, version)| Message::Peer(Peer { sender, target, metadata, version })
        ),
        any_peer().prop_map(|sender| Message::Leave { sender }),
        (kinds(), addressed(), any_data()).prop_map(|(kind, (sender, target, document), data)| {
            Message::Sync(Sync { kind, sender, target, document, data })
        }),
        addressed().prop_map(|(sender, target, document)| Message::DocUnavailable {
            sender,
            target,
            document
        }),
        (addressed(), any_number(), "\\PC{0,40}", any_data()).prop_map(
            |((sender, target, document), count, session_id, data)| {
                let session_id = session_id.into();
                Message::Ephemeral(Ephemeral { sender, target, document, count, session_id, data })
            }
        ),
        (any_peer(), any_target(), storages(), storages()).prop_map(|(sender, target, add, remove)| {
            Message::RemoteSubscriptionChange { sender, target, add, remove }
        }),
        (addressed(), new_heads).prop_map(|((sender, target, document), new_heads)| {
            let new_heads = new_heads.into_iter().collect();
            Message::RemoteHeadsChanged { sender, target, document, new_heads }
        }),
        (any_target(), any_target(), "\\PC{0,80}").prop_map(|(sender, target, message)| Message::Error {
            sender,
            target,
            message: message.into()
        }),
        (any_peer(), any_target(), prop::option::of(any_document()), any_own()).prop_map(
            |(sender, target, document, own)| {
                Message::Own(Box::new(OwnMessage { sender, target, document, own }))
            }
        ),
        "dovetail-x[a-z]{1,20}".prop_map(|kind| Message::Unknown { kind: kind.into() }),
    ]
}

fn any_own() -> impl Strategy<Value = Own> {
    let hashes = || prop::collection::vec("[0-9a-f]{64}", 0..4);
    let moment = || 0..WHOLE_NUMBER_MAX;
    let user = prop::option::of(("\\PC{1,20}", prop::option::of("\\PC{1,20}")));
    let versions = prop::collection::btree_map("[a-z]{1,8}", moment(), 0..3);
    let bounds = [moment(), moment(), moment(), moment()];
    prop_oneof![
        (("[0-9]{1,9}", user), moment(), prop::option::of(moment()), bounds, versions).prop_map(
            |((session_id, user), server_time, until, [message, change, documents, silence], rules)| {
                Own::Welcome {
                    session_id,
                    user: user.map(|(id, name)| User { id, name }),
                    server_time,
                    until,
                    limits: Bounds {
                        message_bytes_max: message,
                        change_bytes_max: change,
                        documents_max: documents,
                        silence_ms_max: silence,
                    },
                    rules,
                }
            }
        ),
        (hashes(), moment(), prop::option::of(moment()))
            .prop_map(|(heads, durable_at, conflicts)| Own::Ack { heads, durable_at, conflicts }),
        (hashes(), "[a-z_]{1,20}", "\\PC{1,40}", any::<bool>())
            .prop_map(|(changes, code, reason, set_aside)| Own::Reject { changes, code, reason, set_aside }),
        prop::sample::select(vec!["none", "read", "write", "admin"])
            .prop_map(|role| Own::Permission { role: role.to_owned(), paths: Some(json!(["/a"])) }),
        prop::option::of("[a-z.]{1,40}")
            .prop_map(|token| Own::Token { token: token.map(Secret::new), until: Some(7) }),
        Just(Own::Ping {}),
        Just(Own::Pong {}),
    ]
}

/// About how many bytes a decoded message holds apart from its frame.
fn bytes_held(message: &Message<'_>) -> usize {
    let cow = |owned: bool, bytes: usize| if owned { bytes } else { 0 };
    let ids = |ids: &Vec<StorageId>| {
        ids.iter().map(|id| 16 + id.as_str().len()).sum::<usize>() + ids.capacity() * 16
    };
    match message {
        Message::Join(join) => join.versions.iter().map(|version| 24 + version.capacity()).sum(),
        Message::Sync(sync) => cow(matches!(sync.data, Cow::Owned(_)), sync.data.len()),
        Message::Ephemeral(ephemeral) => {
            cow(matches!(ephemeral.data, Cow::Owned(_)), ephemeral.data.len())
                + cow(matches!(ephemeral.session_id, Cow::Owned(_)), ephemeral.session_id.len())
        }
        Message::RemoteSubscriptionChange { add, remove, .. } => ids(add) + ids(remove),
        Message::RemoteHeadsChanged { new_heads, .. } => new_heads
            .iter()
            .map(|(id, known)| {
                size_of_val(id) + size_of_val(known) + 16 + id.as_str().len() + known.heads.capacity() * 32
            })
            .sum(),
        Message::Error { message, .. } => cow(matches!(message, Cow::Owned(_)), message.len()),
        // Our own hold JSON, whose values are counted while they are read: see `cbor_json::SHOWN_VALUES_MAX`.
        Message::Own(_)
        | Message::Peer(_)
        | Message::Leave { .. }
        | Message::DocUnavailable { .. }
        | Message::Unknown { .. } => 0,
    }
}

/// Reads what may be anything: it must come back, and hold little more than it was given.
fn survives(frame: &[u8]) {
    if let Ok(message) = decode(frame) {
        // 64 times: a storage id of one letter takes two bytes of the frame and 33 of memory.
        assert!(bytes_held(&message) <= 64 * frame.len(), "{message:?} of {} bytes", frame.len());
        assert_eq!(decode(&message.encode()).as_ref(), Ok(&message), "what was read can be sent on");
    }
}

proptest! {
    /// WI16: every message comes back from its frame as it was.
    #[test]
    fn wi16_every_message_round_trips(message in any_message()) {
        let frame = message.encode();
        let read = decode(&frame);
        prop_assert_eq!(read.as_ref(), Ok(&message));
    }

    /// WI16: the first header says how many fields there are, in its shortest form.
    #[test]
    fn wi16_frames_open_with_the_shortest_header_and_their_type(message in any_message()) {
        let frame = message.encode();
        prop_assert!((0xa1..=0xb7).contains(&frame[0]));
        prop_assert_eq!(&frame[1..6], b"\x64type");
    }

    /// WI17: bytes of any kind are read or refused, and never more than that.
    #[test]
    fn wi17_random_bytes_do_no_harm(frame in prop::collection::vec(any::<u8>(), 0..400)) {
        survives(&frame);
        survives(&[&[0xbf][..], &frame].concat());
    }

    /// WI17: nor does a real frame with some bytes changed, lost or put in.
    #[test]
    fn wi17_damaged_frames_do_no_harm(
        message in any_message(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3u8), 1..8),
    ) {
        let mut frame = message.encode();
        for (place, byte, how) in damage {
            let at = place.index(frame.len());
            match how {
                0 => frame[at] = byte,
                1 => frame.insert(at, byte),
                _ => frame.truncate(at.max(1)),
            }
        }
        survives(&frame);
    }
}
