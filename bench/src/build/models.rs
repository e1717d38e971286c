//! Fifty models that are no library's: which fields they have, and which belongs to which.

/// How many.
const MODELS: usize = 50;

/// The generator's start: the same models in every run.
const SEED: u64 = 7;

#[derive(Clone, Copy)]
pub enum Kind {
    Integer,
    Real,
    Flag,
    Text,
    OptionalInteger,
    OptionalText,
}

impl Kind {
    const ALL: [Self; 6] =
        [Self::Integer, Self::Real, Self::Flag, Self::Text, Self::OptionalInteger, Self::OptionalText];

    /// The type that every library reads it as.
    pub fn rust(self) -> &'static str {
        match self {
            Self::Integer => "i64",
            Self::Real => "f64",
            Self::Flag => "bool",
            Self::Text => "String",
            Self::OptionalInteger => "Option<i64>",
            Self::OptionalText => "Option<String>",
        }
    }
}

/// A table, and the model of it. Each has a key `id`, which the database gives.
pub struct Model {
    pub number: usize,
    pub fields: Vec<Kind>,
    /// The number of the model that it belongs to, by a column and a relation.
    pub parent: Option<usize>,
    /// The numbers of those that belong to it, each by a relation.
    pub children: Vec<usize>,
}

impl Model {
    /// Gives the name of its type.
    pub fn name(number: usize) -> String {
        format!("Model{number:02}")
    }

    /// Gives the name of its module and its table.
    pub fn module(number: usize) -> String {
        format!("model{number:02}")
    }
}

/// Gives all of them; each but the first belongs to one before it.
pub fn models() -> Vec<Model> {
    let mut state = SEED;
    let mut below = |bound: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % bound
    };
    let mut models: Vec<Model> = Vec::with_capacity(MODELS);
    for number in 0..MODELS {
        let fields = (0..4 + below(9)).map(|_| Kind::ALL[below(Kind::ALL.len())]).collect();
        let parent = (number > 0).then(|| below(number));
        if let Some(parent) = parent {
            models[parent].children.push(number);
        }
        models.push(Model { number, fields, parent, children: Vec::new() });
    }
    models
}
