//! Checks a rule set as people wrote it.
//!
//! Edit path: ← [`RuleSetSource`]; → a [`RuleSet`], or everything that is wrong with it.
//!
//! Nothing stops at the first fault: whoever writes rules gets one list, each line with its place.

use super::COLLECTIONS_MAX;
use super::canonical::canonical;
use super::conflict::{Mode, Severity};
use super::expression::{self, BadExpression, Expression};
use super::message::{Items, Template};
use super::path::{BadPath, Path, Step};
use super::plan::{Field, Plan, Reading};
use super::predicate::{Check, KINDS, Kind, Operand};
use super::proposal::{ALL, Proposal};
use super::set::{BadRuleSet, Fault, Rule, RuleSet};
use super::source::{OperandSource, PathOr, RuleSetSource, RuleSource};
use std::collections::BTreeSet;

/// The most rules of a set. Each is looked at after every change; a person reads far fewer.
pub const RULES_MAX: usize = 100;

/// The most bytes of a rule's id and of a kind. They go into conflicts, lists and metrics.
pub const RULE_ID_BYTES_MAX: usize = 64;

/// The most values of `one_of` and fields of `mutually_exclusive`: a menu that a person can survey.
pub const CHOICES_MAX: usize = 256;

/// The most `bounds` of one rule: an expression of its length names no more lists.
pub const BOUNDS_MAX: usize = 32;

/// What items are called by when the set does not say.
const DEFAULT_LABEL: &str = "title";

/// The four members of a rectangle.
const RECTANGLE: [&str; 4] = ["x", "y", "w", "h"];

pub(super) fn compile(source: RuleSetSource) -> Result<RuleSet, BadRuleSet> {
    let mut compiler = Compiler::default();
    compiler.set(&source);
    let label = compiler.label(source.label.as_deref());
    let mut rules = Vec::new();
    let mut ids = BTreeSet::new();
    for (index, rule) in source.rules.iter().enumerate().take(RULES_MAX) {
        compiler.place = format!("rule[{index}]");
        if !ids.insert(rule.id.as_str()) {
            compiler.fault("id", format!("{:?} is the id of an earlier rule", rule.id), "an id of its own");
        }
        rules.extend(compiler.rule(rule, &label));
    }
    compiler.place.clear();
    let places = compiler.plan.collections.len();
    if places > COLLECTIONS_MAX {
        let right = format!("at most {COLLECTIONS_MAX}: paths that are equal up to their last `*` are one");
        compiler.fault("rule", format!("the rules look at {places} different places"), right);
    }
    let Compiler { plan, faults, .. } = compiler;
    if faults.is_empty() { Ok(RuleSet { source, rules, plan }) } else { Err(BadRuleSet { faults }) }
}

/// A path of a rule, and where in the plan it leads.
struct Target {
    path: Path,
    collection: usize,
    names: Vec<String>,
}

#[derive(Default)]
struct Compiler {
    plan: Plan,
    faults: Vec<Fault>,
    /// The rule at hand: `rule[2]`.
    place: String,
    /// What the rule at hand depends on.
    fields: Vec<Field>,
    keys_of: Vec<usize>,
}

impl Compiler {
    fn set(&mut self, source: &RuleSetSource) {
        if source.kind.is_empty() || source.kind.len() > RULE_ID_BYTES_MAX {
            let right = format!("the text at `kind` in the documents' root, 1 to {RULE_ID_BYTES_MAX} bytes");
            self.fault("kind", "no kind of document".to_owned(), right);
        }
        if source.rules.len() > RULES_MAX {
            self.fault("rule", format!("{} rules", source.rules.len()), format!("at most {RULES_MAX}"));
        }
    }

    fn label(&mut self, label: Option<&str>) -> Vec<String> {
        let path = self.path("label", label.unwrap_or(DEFAULT_LABEL));
        match path {
            Some(path) if path.wildcards() == 0 => path.split().1,
            Some(_) => {
                self.fault("label", "`*` stands for many values".to_owned(), "a path of names");
                Vec::new()
            }
            None => Vec::new(),
        }
    }

    fn rule(&mut self, source: &RuleSource, label: &[String]) -> Option<Rule> {
        self.fields.clear();
        self.keys_of.clear();
        self.id(&source.id);
        let severity = self.word("severity", source.severity.as_deref(), Severity::Warning, &SEVERITIES);
        let mode = self.word("mode", source.mode.as_deref(), Mode::Surface, &MODES);
        let kind = self.kind(&source.predicate);
        let over = self.over(kind, &source.over);
        if let Some(kind) = kind {
            self.parameters(kind, source);
        }
        let proposals = self.proposals(kind, source);
        let (kind, over) = (kind?, over?);
        let target = self.target(kind, over)?;
        let check = self.check(kind, source, &target);
        let collection = target.collection;
        let items = items_of(kind);
        let message = self.message(&source.message, items, collection);
        let labelled = items != Items::None && target.path.wildcards() > 0 && !label.is_empty();
        let label = labelled.then(|| self.field(collection, label));
        Some(Rule {
            source: source.clone(),
            severity: severity?,
            mode: mode?,
            proposals,
            check: check?,
            tail: tail(kind, &target.path),
            collection,
            label,
            message: message?,
            fields: self.fields.clone(),
            keys_of: self.keys_of.clone(),
        })
    }

    fn over(&mut self, kind: Option<Kind>, text: &str) -> Option<Path> {
        match (kind, text) {
            (Some(Kind::Cel), "") => Some(Path::root()),
            (_, "") => {
                self.missing("over", "the path of what it is about");
                None
            }
            _ => self.path("over", text),
        }
    }

    fn id(&mut self, id: &str) {
        let plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
        if id.is_empty() || id.len() > RULE_ID_BYTES_MAX || !id.chars().all(plain) {
            let right = format!("1 to {RULE_ID_BYTES_MAX} letters, digits, `-` and `_`");
            self.fault("id", format!("{id:?} is no id"), right);
        }
    }

    fn kind(&mut self, name: &str) -> Option<Kind> {
        let found = KINDS.iter().find(|(known, ..)| *known == name);
        if found.is_none() {
            let known: Vec<&str> = KINDS.iter().map(|(known, ..)| *known).collect();
            let wrong = format!("there is no predicate {name:?}");
            self.fault("predicate", wrong, format!("one of {}", known.join(", ")));
        }
        found.map(|(_, kind, _)| *kind)
    }

    fn word<T: Copy>(
        &mut self,
        name: &str,
        word: Option<&str>,
        default: T,
        words: &[(&str, T)],
    ) -> Option<T> {
        let Some(word) = word else { return Some(default) };
        let found = words.iter().find(|(known, _)| *known == word);
        if found.is_none() {
            let known: Vec<&str> = words.iter().map(|(known, _)| *known).collect();
            self.fault(name, format!("{word:?} is none"), format!("one of {}", known.join(", ")));
        }
        found.map(|(_, value)| *value)
    }

    /// Parameters that the predicate does not take, or has to have.
    fn parameters(&mut self, kind: Kind, source: &RuleSource) {
        let Some((name, _, takes)) = KINDS.iter().find(|(_, known, _)| *known == kind) else { return };
        let given = [
            ("within", source.within.is_some()),
            ("ignore_empty", source.ignore_empty.is_some()),
            ("columns", source.columns.is_some()),
            ("in", source.within_keys_of.is_some()),
            ("limit", source.limit.is_some()),
            ("min", source.min.is_some()),
            ("max", source.max.is_some()),
            ("values", source.values.is_some()),
            ("fields", source.fields.is_some()),
            ("expr", source.expr.is_some()),
            ("bounds", source.bounds.is_some()),
        ];
        for (parameter, _) in given.iter().filter(|(parameter, given)| *given && !takes.contains(parameter)) {
            let right = match takes.len() {
                0 => "no parameters but the common ones".to_owned(),
                _ => format!("it takes {}", takes.join(", ")),
            };
            self.fault(parameter, format!("{name} does not take it"), right);
        }
        let missing = |parameter: &str| given.iter().any(|(known, given)| *known == parameter && !given);
        match kind {
            Kind::InBounds if missing("columns") => self.missing("columns", "a number, or the path of one"),
            Kind::ReferenceExists if missing("in") => self.missing("in", "the path of a collection"),
            Kind::MaxItems | Kind::SumAtMost if missing("limit") => {
                self.missing("limit", "a number, or the path of one");
            }
            Kind::Range if missing("min") && missing("max") => {
                self.missing("min", "`min`, `max` or both: a number, or the path of one");
            }
            Kind::OneOf if missing("values") => self.missing("values", "a list of values"),
            Kind::MutuallyExclusive if missing("fields") => self.missing("fields", "a list of paths"),
            Kind::Cel if missing("expr") => self.missing("expr", "an expression that is true or false"),
            _ => {}
        }
    }

    fn missing(&mut self, parameter: &str, right: &str) {
        self.fault(parameter, "it is missing".to_owned(), right);
    }

    fn proposals(&mut self, kind: Option<Kind>, source: &RuleSource) -> Vec<Proposal> {
        let mut proposals = Vec::new();
        for (index, name) in source.proposals.iter().enumerate() {
            let place = format!("proposals[{index}]");
            let fitting = |kind| {
                let names: Vec<&str> = ALL.iter().filter(|it| it.fits(kind)).map(|it| it.name()).collect();
                if names.is_empty() {
                    "none fits this predicate".to_owned()
                } else {
                    format!("one of {}", names.join(", "))
                }
            };
            let right = kind.map_or_else(|| "a known one".to_owned(), fitting);
            match (name.parse::<Proposal>(), kind) {
                (Err(unknown), _) => self.fault(&place, unknown.to_string(), right),
                (Ok(proposal), Some(kind)) if !proposal.fits(kind) => {
                    self.fault(&place, format!("{name} does not settle {}", source.predicate), right);
                }
                (Ok(proposal), _) if proposals.contains(&proposal) => {
                    self.fault(&place, format!("{name} is named twice"), "each once");
                }
                (Ok(Proposal::FirstFree), _) if source.columns.is_none() => {
                    self.fault(&place, "first_free has to know how wide the grid is".to_owned(), "`columns`");
                }
                (Ok(proposal), _) => proposals.push(proposal),
            }
        }
        if source.auto_settle_after.is_some() && source.proposals.is_empty() {
            let wrong = "there is no proposal that could be made".to_owned();
            self.fault("auto_settle_after", wrong, "at least one of `proposals`");
        }
        proposals
    }

    /// Where `over` leads, if the predicate can be judged there.
    fn target(&mut self, kind: Kind, over: Path) -> Option<Target> {
        let (prefix, names) = over.split();
        let prefix = prefix.to_vec();
        let right = match kind {
            Kind::NoOverlap | Kind::Unique | Kind::SumAtMost if over.wildcards() == 0 => {
                Some("a path with `*`: it compares or adds up items")
            }
            Kind::MaxItems if over.wildcards() > 1 => Some("a path with one `*` at most"),
            Kind::Immutable if names.is_empty() || (over.wildcards() == 0 && names.len() < 2) => Some(
                "the path of a member of an object below the root: its first value is the one it was created with",
            ),
            Kind::Required | Kind::ExclusiveField if names.is_empty() => {
                Some("the path of a member: what `*` meets is there")
            }
            _ => None,
        };
        if let Some(right) = right {
            self.fault("over", format!("{} cannot be judged at {over}", name_of(kind)), right);
            return None;
        }
        if kind == Kind::MaxItems {
            // Its items are those of the collection that it counts.
            let mut counted = over.steps().to_vec();
            counted.push(Step::Any);
            let collection = self.plan.collection(&counted, Reading::Bounded);
            self.keys_of.push(collection);
            return Some(Target { path: over, collection, names: Vec::new() });
        }
        let reading = if kind == Kind::Cel { Reading::Whole } else { Reading::Bounded };
        let collection = self.plan.collection(&prefix, reading);
        Some(Target { path: over, collection, names })
    }

    fn check(&mut self, kind: Kind, source: &RuleSource, target: &Target) -> Option<Check> {
        let Target { collection, names, .. } = target;
        let value = |compiler: &mut Self| compiler.field(*collection, names);
        Some(match kind {
            Kind::NoOverlap => Check::NoOverlap {
                rectangle: self.rectangle(target),
                within: self.sibling("within", source.within.as_deref(), target)?,
                columns: self.operand("columns", source.columns.as_ref())?,
            },
            Kind::InBounds => Check::InBounds {
                rectangle: self.rectangle(target),
                columns: self.operand("columns", source.columns.as_ref())??,
            },
            Kind::Unique => Check::Unique {
                value: value(self),
                within: self.sibling("within", source.within.as_deref(), target)?,
                ignore_empty: source.ignore_empty.unwrap_or(true),
            },
            Kind::ReferenceExists => {
                let path = self.path("in", source.within_keys_of.as_deref()?)?;
                if path.wildcards() > 0 {
                    self.fault(
                        "in",
                        "`*` stands for many collections".to_owned(),
                        "the path of one collection",
                    );
                    return None;
                }
                let mut items = path.steps().to_vec();
                items.push(Step::Any);
                let keys_of = self.plan.collection(&items, Reading::Bounded);
                self.keys_of.push(keys_of);
                Check::ReferenceExists { value: value(self), target: keys_of }
            }
            Kind::MaxItems => Check::MaxItems { limit: self.operand("limit", source.limit.as_ref())?? },
            Kind::SumAtMost => {
                Check::SumAtMost { value: value(self), limit: self.operand("limit", source.limit.as_ref())?? }
            }
            Kind::Required => Check::Required { value: value(self) },
            Kind::Range => Check::Range {
                value: value(self),
                min: self.operand("min", source.min.as_ref())?,
                max: self.operand("max", source.max.as_ref())?,
            },
            Kind::OneOf => {
                let values = source.values.as_ref()?;
                self.count("values", values.len(), 1);
                Check::OneOf { value: value(self), allowed: values.iter().map(canonical).collect() }
            }
            Kind::MutuallyExclusive => Check::MutuallyExclusive { fields: self.exclusive(source, target)? },
            Kind::Immutable => {
                let field = value(self);
                self.plan.wish_mut(field).first = true;
                Check::Immutable { value: field }
            }
            Kind::ExclusiveField => {
                let field = value(self);
                self.plan.wish_mut(field).rivals = true;
                Check::ExclusiveField { value: field }
            }
            Kind::Cel => Check::Cel(Box::new(self.expression(source, target)?)),
        })
    }

    fn rectangle(&mut self, target: &Target) -> [Field; 4] {
        RECTANGLE.map(|member| {
            let names: Vec<String> = target.names.iter().cloned().chain([member.to_owned()]).collect();
            self.field(target.collection, &names)
        })
    }

    /// A member of the item beside the one that the rule is about.
    fn sibling(&mut self, name: &str, text: Option<&str>, target: &Target) -> Option<Option<Field>> {
        let Some(text) = text else { return Some(None) };
        let path = self.path(name, text)?;
        if path.wildcards() > 0 {
            self.fault(name, "`*` stands for many values".to_owned(), "a path of names within the item");
            return None;
        }
        Some(Some(self.field(target.collection, &path.split().1)))
    }

    fn exclusive(&mut self, source: &RuleSource, target: &Target) -> Option<Vec<Field>> {
        let paths = source.fields.as_ref()?;
        self.count("fields", paths.len(), 2);
        let mut fields = Vec::new();
        for (index, text) in paths.iter().enumerate() {
            let place = format!("fields[{index}]");
            let path = self.path(&place, text)?;
            if path.wildcards() > 0 {
                self.fault(
                    &place,
                    "`*` stands for many values".to_owned(),
                    "a path of names within the object",
                );
                return None;
            }
            let names: Vec<String> = target.names.iter().cloned().chain(path.split().1).collect();
            let field = self.field(target.collection, &names);
            if fields.contains(&field) {
                self.fault(&place, format!("{text:?} is named twice"), "each once");
            }
            fields.push(field);
        }
        Some(fields)
    }

    fn expression(&mut self, source: &RuleSource, target: &Target) -> Option<Expression> {
        let bounds = self.bounds(source)?;
        let parsed = expression::parse(source.expr.as_deref()?, &target.path, &bounds);
        let parsed = match parsed {
            Ok(parsed) => parsed,
            Err(BadExpression { at, wrong, right }) => {
                let place = self.place_of("expr");
                self.faults.push(Fault { place, character: at, wrong, right });
                return None;
            }
        };
        let document = self.plan.collection(&[], Reading::Whole);
        Some(parsed.resolve(|read| match read {
            expression::Read::Item(names) => {
                let names: Vec<String> = target.names.iter().chain(names).cloned().collect();
                self.field(target.collection, &names)
            }
            expression::Read::Document(names) => self.field(document, names),
        }))
    }

    fn bounds(&mut self, source: &RuleSource) -> Option<Vec<(Path, u64)>> {
        let bounds = source.bounds.iter().flatten();
        if bounds.clone().count() > BOUNDS_MAX {
            let wrong = format!("{} of them", bounds.count());
            self.fault("bounds", wrong, format!("at most {BOUNDS_MAX}"));
            return None;
        }
        bounds.map(|(path, bound)| Some((self.path("bounds", path)?, *bound))).collect()
    }

    fn operand(&mut self, name: &str, source: Option<&OperandSource>) -> Option<Option<Operand>> {
        let (text, default) = match source {
            None => return Some(None),
            Some(OperandSource::Number(number)) if number.is_finite() => {
                return Some(Some(Operand::Number(*number)));
            }
            Some(OperandSource::Number(_)) => {
                self.fault(name, "it is not finite".to_owned(), "a number");
                return None;
            }
            Some(OperandSource::Path(text)) => (text, None),
            Some(OperandSource::PathOr(PathOr { path, default })) => (path, Some(*default)),
        };
        let path = self.path(name, text)?;
        if path.wildcards() > 0 {
            self.fault(name, "`*` stands for many values".to_owned(), "a path from the root, without `*`");
            return None;
        }
        let root = self.plan.collection(&[], Reading::Bounded);
        let field = self.field(root, &path.split().1);
        Some(Some(Operand::Root { field, path: path.to_string(), default }))
    }

    fn message(&mut self, text: &str, items: Items, collection: usize) -> Option<Template<Field>> {
        let mut fields = Vec::new();
        let template = Template::parse(text, items, |names| {
            let field = self.plan.field(collection, names);
            fields.push(field);
            field
        });
        self.fields.extend(fields);
        template.map_err(|bad| self.bad_path("message", bad)).ok()
    }

    fn field(&mut self, collection: usize, names: &[String]) -> Field {
        let field = self.plan.field(collection, names);
        self.fields.push(field);
        field
    }

    fn path(&mut self, name: &str, text: &str) -> Option<Path> {
        Path::parse(text).map_err(|bad| self.bad_path(name, bad)).ok()
    }

    fn count(&mut self, name: &str, count: usize, least: usize) {
        if !(least..=CHOICES_MAX).contains(&count) {
            self.fault(name, format!("{count} of them"), format!("{least} to {CHOICES_MAX}"));
        }
    }

    fn bad_path(&mut self, name: &str, BadPath { at, wrong, right }: BadPath) {
        let place = self.place_of(name);
        self.faults.push(Fault { place, character: Some(at), wrong, right });
    }

    fn fault(&mut self, name: &str, wrong: String, right: impl Into<String>) {
        let place = self.place_of(name);
        self.faults.push(Fault { place, character: None, wrong, right: right.into() });
    }

    fn place_of(&self, name: &str) -> String {
        if self.place.is_empty() { name.to_owned() } else { format!("{}.{name}", self.place) }
    }
}

const SEVERITIES: [(&str, Severity); 3] =
    [("info", Severity::Info), ("warning", Severity::Warning), ("error", Severity::Error)];

const MODES: [(&str, Mode); 2] = [("surface", Mode::Surface), ("audit", Mode::Audit)];

/// What subjects of the rule end with.
fn tail(kind: Kind, over: &Path) -> String {
    let names = |steps: &[Step]| {
        let behind = steps.iter().rposition(|step| *step == Step::Any).map_or(0, |at| at + 1);
        Path::text_of(&steps[behind..])
    };
    let steps = over.steps();
    match kind {
        // Of an item there is one rectangle, and one value that has to be its own.
        Kind::NoOverlap | Kind::InBounds | Kind::Unique if over.wildcards() > 0 => String::new(),
        // The collection is what lies before the last `*`.
        Kind::SumAtMost => {
            let last = steps.iter().rposition(|step| *step == Step::Any).unwrap_or(steps.len());
            names(&steps[..last])
        }
        _ => names(steps),
    }
}

fn items_of(kind: Kind) -> Items {
    match kind {
        Kind::NoOverlap | Kind::Unique => Items::Two,
        Kind::MaxItems | Kind::SumAtMost => Items::None,
        _ => Items::One,
    }
}

fn name_of(kind: Kind) -> &'static str {
    KINDS.iter().find(|(_, known, _)| *known == kind).map_or("", |(name, ..)| name)
}
