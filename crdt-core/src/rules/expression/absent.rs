//! What there is of expressions in a program that was built without CEL: their refusal.

use super::{BadExpression, Read};
use crate::rules::conflict::UndecidedReason;
use crate::rules::evaluate::Hits;
use crate::rules::facts::Facts;
use crate::rules::path::Path;
use crate::rules::plan::Field;
use crate::rules::question::MayGoOn;
use crate::rules::set::Rule;

/// Nobody makes one: [`parse`] refuses every text.
#[derive(Debug)]
pub(crate) struct Expression;

/// The same.
#[derive(Debug)]
pub(crate) struct Parsed;

pub(crate) fn parse(_text: &str, _over: &Path, _bounds: &[(Path, u64)]) -> Result<Parsed, BadExpression> {
    Err(BadExpression {
        at: None,
        wrong: "this program was built without expressions".to_owned(),
        right: "a build with the feature `cel`, or another predicate".to_owned(),
    })
}

impl Parsed {
    pub(crate) fn resolve(self, _field: impl FnMut(&Read) -> Field) -> Expression {
        Expression
    }
}

impl Expression {
    pub(crate) fn fields(&self) -> impl Iterator<Item = Field> {
        std::iter::empty()
    }

    pub(crate) fn evaluate(
        &self,
        _rule: &Rule,
        _facts: &Facts,
        _may_go_on: &MayGoOn,
    ) -> Result<Hits, UndecidedReason> {
        Err(UndecidedReason::Failed)
    }
}
