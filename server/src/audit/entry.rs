//! One line of the audit log, and the words in which it is kept and told.
//!
//! Edit path: ← somebody did something or was refused, → JSON, for the store and for whoever asks.
//!
//! Always true: nothing here can hold what stands in a document, a token or what people wrote. The words of
//! [`Action`] never change; new ones may come.

use dovetail_core::grant::{Identity, Kind};
use dovetail_core::id::{DocumentId, SubjectId};
use dovetail_core::time::Timestamp;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::net::IpAddr;

/// The most bytes of a code. Ours have up to 30.
const CODE_BYTES_MAX: usize = 64;

/// The code of what is hidden or not there: nobody can tell which.
pub(crate) const HIDDEN: &str = "document_not_found";

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When; of equal ones that were taken together, the first.
    pub at: Timestamp,
    /// Who did it, if that is known.
    pub subject: Option<SubjectId>,
    /// What they did.
    pub action: Action,
    /// With which document.
    pub document: Option<DocumentId>,
    /// To whom, where it was done to somebody.
    pub about: Option<SubjectId>,
    /// From where.
    pub address: Option<IpAddr>,
    /// Why or how, as programs know it.
    pub code: Option<Cow<'static, str>>,
    /// How many equal ones this stands for.
    pub count: u64,
}

/// What can be done that is worth a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Somebody said who they are.
    SignIn,
    /// Somebody said who they are, and it was not believed.
    SignInRefused,
    /// Something was not allowed; `code` says why.
    Refused,
    /// Somebody may do something else with a document than before.
    AccessChanged,
    /// What holds for documents that say nothing is another.
    PolicyChanged,
    /// Other rules are in force.
    RulesChanged,
    /// A conflict was settled.
    ConflictSettled,
    /// A conflict was waived.
    ConflictWaived,
    /// A conflict stands open again.
    ConflictUnwaived,
    /// A document was made to read as it did once.
    Restored,
    /// A document was deleted.
    Deleted,
    /// A deletion was taken back.
    Undeleted,
    /// Changes that were refused were accepted after all.
    QuarantineAccepted,
    /// Changes that were refused were thrown away.
    QuarantineDiscarded,
    /// Somebody did too much and was slowed or cut; `code` says what.
    Limited,
    /// So many lines were lost, because more came than could be written.
    MoreNotRecorded,
}

/// Actions and their words.
const WORDS: [(Action, &str); 16] = [
    (Action::SignIn, "sign_in"),
    (Action::SignInRefused, "sign_in_refused"),
    (Action::Refused, "refused"),
    (Action::AccessChanged, "access_changed"),
    (Action::PolicyChanged, "policy_changed"),
    (Action::RulesChanged, "rules_changed"),
    (Action::ConflictSettled, "conflict_settled"),
    (Action::ConflictWaived, "conflict_waived"),
    (Action::ConflictUnwaived, "conflict_unwaived"),
    (Action::Restored, "restored"),
    (Action::Deleted, "deleted"),
    (Action::Undeleted, "undeleted"),
    (Action::QuarantineAccepted, "quarantine_accepted"),
    (Action::QuarantineDiscarded, "quarantine_discarded"),
    (Action::Limited, "limited"),
    (Action::MoreNotRecorded, "more_not_recorded"),
];

/// A word that is no action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the actions are {}", WORDS.map(|(_, word)| word).join(", "))]
pub struct UnknownAction;

impl Entry {
    /// Something that happened now; what else is known is filled in by the caller.
    #[must_use]
    pub fn new(at: Timestamp, action: Action) -> Self {
        Self { at, subject: None, action, document: None, about: None, address: None, code: None, count: 1 }
    }

    /// Something that somebody did, or was refused, from somewhere.
    ///
    /// A link proves nothing before a document knows it: who shows one that opens nothing is nobody, and what they asked for
    /// is left out. So whoever makes up secrets and ids fills one line and not the log.
    #[must_use]
    pub fn by(
        at: Timestamp,
        action: Action,
        who: &Identity,
        address: Option<IpAddr>,
        document: Option<&DocumentId>,
        code: Option<&'static str>,
    ) -> Self {
        let opens = document.is_some() && code != Some(HIDDEN);
        let is_known = who.kind != Kind::Link || opens;
        Self {
            subject: is_known.then(|| who.subject.clone()),
            document: document.filter(|_| is_known).cloned(),
            address,
            code: code.map(Cow::Borrowed),
            ..Self::new(at, action)
        }
    }

    /// Whether the other says the same, so that one line with a count is enough.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        self.action == other.action
            && self.subject == other.subject
            && self.document == other.document
            && self.about == other.about
            && self.address == other.address
            && self.code == other.code
    }

    /// As it is told to whoever may read the log, and as it lies in the store. What is not known is left out.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut json = Map::new();
        json.insert("at".to_owned(), self.at.as_millis().into());
        json.insert("action".to_owned(), self.action.as_str().into());
        let mut put = |name: &str, value: Option<String>| {
            json.extend(value.map(|value| (name.to_owned(), Value::from(value))));
        };
        put("subject", self.subject.as_ref().map(ToString::to_string));
        put("document", self.document.as_ref().map(ToString::to_string));
        put("about", self.about.as_ref().map(ToString::to_string));
        put("address", self.address.as_ref().map(ToString::to_string));
        put("code", self.code.as_deref().map(short));
        if self.count > 1 {
            json.insert("count".to_owned(), self.count.into());
        }
        Value::Object(json)
    }

    /// What [`to_json`](Self::to_json) wrote; nothing when it did not.
    pub(super) fn from_json(bytes: &[u8]) -> Option<Self> {
        let json: Map<String, Value> = serde_json::from_slice(bytes).ok()?;
        let text = |name: &str| json.get(name).and_then(Value::as_str);
        Some(Self {
            at: Timestamp::from_millis(json.get("at")?.as_u64()?),
            subject: text("subject").map(str::parse).transpose().ok()?,
            action: text("action")?.parse().ok()?,
            document: text("document").map(str::parse).transpose().ok()?,
            about: text("about").map(str::parse).transpose().ok()?,
            address: text("address").map(str::parse).transpose().ok()?,
            code: text("code").map(|code| Cow::Owned(code.to_owned())),
            count: json.get("count").map_or(Some(1), Value::as_u64)?,
        })
    }
}

impl Action {
    /// As it is written; it does not change.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        let known = WORDS.iter().find(|(action, _)| *action == self);
        known.expect("a test finds every action in the table").1
    }
}

impl std::str::FromStr for Action {
    type Err = UnknownAction;

    fn from_str(text: &str) -> Result<Self, UnknownAction> {
        WORDS.iter().find(|(_, word)| *word == text).map(|(action, _)| *action).ok_or(UnknownAction)
    }
}

fn short(code: &str) -> String {
    code[..code.floor_char_boundary(CODE_BYTES_MAX)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use dovetail_core::grant::LinkHash;

    /// AU50: an entry comes back as it was, whatever the subject is called; it stays one line.
    #[test]
    fn au50_what_others_are_called_breaks_no_line() {
        for subject in ["ana", "a\"b", "a\nsubject: root", "\u{2028}", "{\"action\":\"deleted\"}", "\\", "ä"]
        {
            let mut entry = Entry::new(Timestamp::from_millis(7), Action::Refused);
            entry.subject = Some(subject.parse().unwrap());
            entry.about = Some(subject.parse().unwrap());
            entry.document = Some(DocumentId::from_bytes(&[3; 16]).unwrap());
            entry.address = Some("::1".parse().unwrap());
            entry.code = Some("read_only".into());
            entry.count = 3;
            let text = entry.to_json().to_string();
            assert_eq!(text.lines().count(), 1, "{text}");
            assert_eq!(Entry::from_json(text.as_bytes()), Some(entry));
        }
    }

    /// AU51: every action has a word of its own, and it leads back.
    #[test]
    fn au51_every_action_has_a_word() {
        for (action, word) in WORDS {
            assert_eq!(action.as_str(), word);
            assert_eq!(word.parse(), Ok(action), "{word} stands twice");
        }
        assert_eq!("deletion".parse::<Action>(), Err(UnknownAction));
        let last = Action::MoreNotRecorded as usize;
        assert_eq!(WORDS.len(), last + 1);
        for (at, (action, _)) in WORDS.iter().enumerate() {
            assert_eq!(*action as usize, at, "the table has every action, in order");
        }
    }

    /// AU44: a link that opens nothing has no name, and what it asked for is not told; one that opens something has.
    #[test]
    fn au44_a_link_that_opens_nothing_is_nobody() {
        let document = DocumentId::from_bytes(&[3; 16]).unwrap();
        let entry = |secret: &str, document, code| {
            let who = Identity::holder_of(LinkHash::of_secret(secret));
            let address = Some("192.0.2.1".parse().unwrap());
            Entry::by(Timestamp::from_millis(7), Action::Refused, &who, address, document, code)
        };
        let other = DocumentId::from_bytes(&[4; 16]).unwrap();
        let one = entry("dvl_one", Some(&document), Some(HIDDEN));
        assert!(one.is_like(&entry("dvl_two", Some(&other), Some(HIDDEN))));
        assert_eq!((one.subject, one.document), (None, None));
        assert_eq!(entry("dvl_one", None, None).subject, None);
        let known = entry("dvl_one", Some(&document), Some("forbidden"));
        assert!(known.subject.is_some() && known.document.is_some());
    }

    /// AU50: a code is a short word, whoever made it up.
    #[test]
    fn au50_a_code_is_short() {
        let mut entry = Entry::new(Timestamp::from_millis(7), Action::Refused);
        entry.code = Some("ä".repeat(CODE_BYTES_MAX).into());
        assert!(entry.to_json()["code"].as_str().unwrap().len() <= CODE_BYTES_MAX);
    }
}
