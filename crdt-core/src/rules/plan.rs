//! What a rule set reads of a document, each place once.
//!
//! Edit path: ← the paths of all rules; → [`facts`](super::facts), which reads it.
//!
//! A path up to its last `*` names a **collection**; what the `*` meets are its **items**. A path
//! without `*` belongs to the collection whose one item is the root. The names behind the `*` are
//! **wishes**: fields of each item that some rule wants to know.
//!
//! Expressions read values as they are, predicates within bounds. So a place that both look at is two
//! collections, and neither is the poorer, or undecided, for the other.

use super::path::Step;

/// All that is read.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) collections: Vec<CollectionPlan>,
}

/// One collection.
#[derive(Debug, Default)]
pub(crate) struct CollectionPlan {
    /// The steps up to the last `*`; none for the root.
    pub(crate) prefix: Vec<Step>,
    pub(crate) reading: Reading,
    pub(crate) wishes: Vec<Wish>,
    /// The wishes by their names.
    pub(crate) tree: Node,
}

/// How much is read of a value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Reading {
    /// A scalar or a handful of settings; what is larger is known by a digest.
    #[default]
    Bounded,
    /// All of it.
    Whole,
}

/// One field of each item.
#[derive(Debug)]
pub(crate) struct Wish {
    /// The names that lead to it; none for the item itself.
    pub(crate) names: Vec<String>,
    /// Whether all live values of a contested register are wanted.
    pub(crate) rivals: bool,
    /// Whether the value that it was created with is wanted.
    pub(crate) first: bool,
}

/// A place on the way to wishes.
#[derive(Debug, Default)]
pub(crate) struct Node {
    /// The wish that ends here.
    pub(crate) wish: Option<usize>,
    /// Where it goes on, by name.
    pub(crate) members: Vec<(String, Node)>,
}

/// A wish of a collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Field {
    pub(crate) collection: usize,
    pub(crate) wish: usize,
}

impl Plan {
    /// The collection at this prefix.
    pub(crate) fn collection(&mut self, prefix: &[Step], reading: Reading) -> usize {
        let is_known = |it: &CollectionPlan| it.prefix == prefix && it.reading == reading;
        if let Some(found) = self.collections.iter().position(is_known) {
            return found;
        }
        self.collections.push(CollectionPlan {
            prefix: prefix.to_vec(),
            reading,
            ..CollectionPlan::default()
        });
        self.collections.len() - 1
    }

    /// A field of the collection's items.
    pub(crate) fn field(&mut self, collection: usize, names: &[String]) -> Field {
        let plan = &mut self.collections[collection];
        let node = names.iter().fold(&mut plan.tree, |node, name| node.member(name));
        let wish = *node.wish.get_or_insert_with(|| {
            plan.wishes.push(Wish { names: names.to_vec(), rivals: false, first: false });
            plan.wishes.len() - 1
        });
        Field { collection, wish }
    }

    /// The wish, to ask for more.
    pub(crate) fn wish_mut(&mut self, field: Field) -> &mut Wish {
        &mut self.collections[field.collection].wishes[field.wish]
    }

    pub(crate) fn wish(&self, field: Field) -> &Wish {
        &self.collections[field.collection].wishes[field.wish]
    }
}

impl Node {
    fn member(&mut self, name: &str) -> &mut Node {
        let at = match self.members.binary_search_by(|(other, _)| other.as_str().cmp(name)) {
            Ok(at) => at,
            Err(at) => {
                self.members.insert(at, (name.to_owned(), Node::default()));
                at
            }
        };
        &mut self.members[at].1
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Node> {
        let at = self.members.binary_search_by(|(other, _)| other.as_str().cmp(name)).ok()?;
        Some(&self.members[at].1)
    }
}
