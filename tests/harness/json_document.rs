//! A document as a client has it that knows JSON only: what it was told, patched by somebody else's library.

use serde_json::Value;

/// See the top of the file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct JsonDocument {
    /// The content.
    pub value: Value,
    /// The heads that name this state; none before the first snapshot.
    pub heads: Vec<String>,
    /// How many snapshots came.
    pub snapshots: usize,
    /// How many patches came.
    pub patches: usize,
}

impl JsonDocument {
    /// Takes in what a `snapshot` or a `patch` says; anything else changes nothing.
    ///
    /// # Errors
    /// When it does not fit to what this has, in words.
    pub fn apply(&mut self, kind: &str, members: &Value) -> Result<(), String> {
        match kind {
            "snapshot" => {
                self.value = members["document"].clone();
                self.snapshots += 1;
            }
            "patch" => {
                let from = heads(&members["from"]);
                if from != self.heads {
                    return Err(format!("a patch from {from:?}, but this is at {:?}", self.heads));
                }
                let patch: json_patch::Patch =
                    serde_json::from_value(members["patch"].clone()).map_err(|error| error.to_string())?;
                json_patch::patch(&mut self.value, &patch).map_err(|error| error.to_string())?;
                self.patches += 1;
            }
            _ => return Ok(()),
        }
        self.heads = heads(&members["heads"]);
        Ok(())
    }

    /// The heads as one word.
    #[must_use]
    pub fn dotted(&self) -> String {
        self.heads.join(".")
    }
}

fn heads(value: &Value) -> Vec<String> {
    let texts = value.as_array().into_iter().flatten();
    texts.filter_map(Value::as_str).map(str::to_owned).collect()
}
