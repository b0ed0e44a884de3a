//! Operators, aggregators, and how the two sides of an operator are matched.

use std::fmt;

/// An operator between two expressions.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum BinaryOp {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Pow,
    Atan2,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    /// `</`: keeps the part of a histogram below the right-hand side.
    TrimUpper,
    /// `>/`: keeps the part of a histogram above the right-hand side.
    TrimLower,
    And,
    Or,
    Unless,
}

impl BinaryOp {
    /// Every operator, in the order of this enum.
    pub const ALL: [Self; 18] = [
        Self::Add,
        Self::Sub,
        Self::Mul,
        Self::Div,
        Self::Mod,
        Self::Pow,
        Self::Atan2,
        Self::Eq,
        Self::Ne,
        Self::Lt,
        Self::Le,
        Self::Gt,
        Self::Ge,
        Self::TrimUpper,
        Self::TrimLower,
        Self::And,
        Self::Or,
        Self::Unless,
    ];

    /// Returns the operator as PromQL writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::Mod => "%",
            Self::Pow => "^",
            Self::Atan2 => "atan2",
            Self::Eq => "==",
            Self::Ne => "!=",
            Self::Lt => "<",
            Self::Le => "<=",
            Self::Gt => ">",
            Self::Ge => ">=",
            Self::TrimUpper => "</",
            Self::TrimLower => ">/",
            Self::And => "and",
            Self::Or => "or",
            Self::Unless => "unless",
        }
    }

    /// Returns whether this is one of `== != < <= > >=`. The trim operators are not comparisons.
    pub const fn is_comparison(self) -> bool {
        matches!(self, Self::Eq | Self::Ne | Self::Lt | Self::Le | Self::Gt | Self::Ge)
    }

    /// Returns whether this is one of `and`, `or`, `unless`.
    pub const fn is_set(self) -> bool {
        matches!(self, Self::And | Self::Or | Self::Unless)
    }

    /// Returns how tightly the operator binds, from 1 (`or`) to 6 (`^`). All but `^` group to the left.
    pub const fn precedence(self) -> u8 {
        match self {
            Self::Or => 1,
            Self::And | Self::Unless => 2,
            Self::Eq | Self::Ne | Self::Lt | Self::Le | Self::Gt | Self::Ge | Self::TrimUpper | Self::TrimLower => 3,
            Self::Add | Self::Sub => 4,
            Self::Mul | Self::Div | Self::Mod | Self::Atan2 => 5,
            Self::Pow => 6,
        }
    }
}

impl fmt::Display for BinaryOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The sign in front of an expression.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum UnaryOp {
    Plus,
    Minus,
}

impl UnaryOp {
    /// Returns the sign as PromQL writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Plus => "+",
            Self::Minus => "-",
        }
    }
}

/// An aggregation operator.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum AggregateOp {
    Avg,
    BottomK,
    Count,
    CountValues,
    Group,
    LimitK,
    LimitRatio,
    Max,
    Min,
    Quantile,
    Stddev,
    Stdvar,
    Sum,
    TopK,
}

impl AggregateOp {
    /// Every aggregator, in the order of their names.
    pub const ALL: [Self; 14] = [
        Self::Avg,
        Self::BottomK,
        Self::Count,
        Self::CountValues,
        Self::Group,
        Self::LimitK,
        Self::LimitRatio,
        Self::Max,
        Self::Min,
        Self::Quantile,
        Self::Stddev,
        Self::Stdvar,
        Self::Sum,
        Self::TopK,
    ];

    /// Returns the name as PromQL writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Avg => "avg",
            Self::BottomK => "bottomk",
            Self::Count => "count",
            Self::CountValues => "count_values",
            Self::Group => "group",
            Self::LimitK => "limitk",
            Self::LimitRatio => "limit_ratio",
            Self::Max => "max",
            Self::Min => "min",
            Self::Quantile => "quantile",
            Self::Stddev => "stddev",
            Self::Stdvar => "stdvar",
            Self::Sum => "sum",
            Self::TopK => "topk",
        }
    }

    /// Returns whether a parameter comes before the aggregated vector.
    pub const fn has_param(self) -> bool {
        self.is_selecting() || matches!(self, Self::CountValues | Self::Quantile)
    }

    /// Returns whether the result consists of input series with their own labels.
    pub const fn is_selecting(self) -> bool {
        matches!(self, Self::TopK | Self::BottomK | Self::LimitK | Self::LimitRatio)
    }

    /// Returns whether `promql-experimental-functions` must be switched on for it.
    pub const fn is_experimental(self) -> bool {
        matches!(self, Self::LimitK | Self::LimitRatio)
    }
}

impl fmt::Display for AggregateOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How many series of each side may share one match group.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum MatchCardinality {
    OneToOne,
    /// `group_left`.
    ManyToOne,
    /// `group_right`.
    OneToMany,
    /// Set operators.
    ManyToMany,
}

/// How the elements of two instant vectors find each other.
#[derive(Clone, PartialEq, Debug)]
pub struct VectorMatching {
    pub cardinality: MatchCardinality,
    /// The labels of `on (…)` or `ignoring (…)`, as written.
    pub labels: Vec<String>,
    /// Whether `labels` are the ones to match on; otherwise they are the ones to leave out.
    pub on: bool,
    /// The labels of `group_left (…)` or `group_right (…)`: copied from the "one" side.
    pub include: Vec<String>,
    pub fill: FillValues,
}

impl Default for VectorMatching {
    fn default() -> Self {
        Self {
            cardinality: MatchCardinality::OneToOne,
            labels: Vec::new(),
            on: false,
            include: Vec::new(),
            fill: FillValues::default(),
        }
    }
}

/// The values that stand in for a missing series of one side.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct FillValues {
    /// `fill_left (v)`, or `fill (v)`.
    pub lhs: Option<f64>,
    /// `fill_right (v)`, or `fill (v)`.
    pub rhs: Option<f64>,
}

impl FillValues {
    /// Returns whether any value was given.
    pub const fn is_set(self) -> bool {
        self.lhs.is_some() || self.rhs.is_some()
    }
}
