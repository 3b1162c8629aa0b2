//! The circuit's building blocks.
//!
//! A value in the circuit is an [`Lc`], a linear combination of variables together with what it
//! evaluates to: adding, scaling and packing bits cost nothing, and only a product is a constraint.
//! A gadget never branches on a value. Which variables and constraints there are depends on
//! constants alone, or the constraint system would differ from the one that the keys were made for.
//! A division by zero in the filling gives zero, never a panic: the constraints then don't hold.

pub(crate) mod bits;
pub(crate) mod fixed_base;
pub(crate) mod ladder;
pub(crate) mod membership;
pub(crate) mod montgomery;
pub(crate) mod poseidon;
pub(crate) mod range;

use std::cmp::Ordering;
use std::ops::{Add, Sub};

use ark_ff::{Field as _, One as _, Zero as _};
use ark_relations::gr1cs::{ConstraintSystemRef, LinearCombination, SynthesisError, Variable};
use tacit_protocol::field::Fr;
use zeroize::Zeroize as _;

use crate::relation::Rule;

/// A linear combination of variables, and its value. Many of them are a secret's parts, so values
/// are erased on drop.
#[derive(Clone)]
pub(crate) struct Lc {
    /// Sorted by variable, no zero coefficients.
    terms: Vec<(Variable, Fr)>,
    value: Fr,
}

impl Lc {
    /// A constant.
    pub(crate) fn constant(value: Fr) -> Self {
        let terms = if value.is_zero() {
            vec![]
        } else {
            vec![(Variable::one(), value)]
        };
        Self { terms, value }
    }

    /// Zero, where a sum starts.
    pub(crate) fn zero() -> Self {
        Self::constant(Fr::zero())
    }

    /// What it evaluates to.
    pub(crate) fn value(&self) -> Fr {
        self.value
    }

    /// Its value if no variable is in it, whatever the witness.
    pub(crate) fn as_constant(&self) -> Option<Fr> {
        self.terms
            .iter()
            .all(|(variable, _)| variable.is_one())
            .then_some(self.value)
    }

    /// Times a constant.
    pub(crate) fn times(&self, factor: Fr) -> Self {
        Self::zero().plus_times(self, factor)
    }

    /// Plus a constant.
    pub(crate) fn plus(&self, constant: Fr) -> Self {
        self + &Self::constant(constant)
    }

    /// Plus `factor` times another: the one place where terms are merged.
    pub(crate) fn plus_times(&self, other: &Self, factor: Fr) -> Self {
        let mut terms = Vec::with_capacity(self.terms.len() + other.terms.len());
        let (mut left, mut right) = (self.terms.iter().peekable(), other.terms.iter().peekable());
        loop {
            let order = match (left.peek(), right.peek()) {
                (None, None) => break,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some((l, _)), Some((r, _))) => l.cmp(r),
            };
            let mut coefficient = Fr::zero();
            let mut variable = Variable::zero();
            if order.is_le()
                && let Some(&(v, c)) = left.next()
            {
                (variable, coefficient) = (v, c);
            }
            if order.is_ge()
                && let Some(&(v, c)) = right.next()
            {
                variable = v;
                coefficient += c * factor;
            }
            if !coefficient.is_zero() {
                terms.push((variable, coefficient));
            }
        }
        Self {
            terms,
            value: self.value + other.value * factor,
        }
    }

    fn to_ark(&self) -> LinearCombination<Fr> {
        LinearCombination(
            self.terms
                .iter()
                .map(|&(variable, coefficient)| (coefficient, variable))
                .collect(),
        )
    }
}

impl Drop for Lc {
    fn drop(&mut self) {
        self.value.zeroize();
    }
}

impl Add for &Lc {
    type Output = Lc;

    fn add(self, other: &Lc) -> Lc {
        self.plus_times(other, Fr::one())
    }
}

impl Sub for &Lc {
    type Output = Lc;

    fn sub(self, other: &Lc) -> Lc {
        self.plus_times(other, -Fr::one())
    }
}

/// Allocates variables and enforces constraints, and remembers for which rule each constraint stands.
pub(crate) struct Builder {
    cs: ConstraintSystemRef<Fr>,
    rule: Rule,
    rows: Vec<Rule>,
    #[cfg(test)]
    pub(crate) forgery: crate::forgery::Forgery,
}

impl Builder {
    /// A builder over a constraint system in whatever mode.
    pub(crate) fn new(cs: ConstraintSystemRef<Fr>) -> Self {
        Self {
            cs,
            rule: Rule::SecretBits,
            rows: Vec::new(),
            #[cfg(test)]
            forgery: Default::default(),
        }
    }

    /// The constraints from here on stand for `rule`.
    pub(crate) fn rule(&mut self, rule: Rule) {
        self.rule = rule;
    }

    /// For which rule each constraint stands, in order.
    pub(crate) fn into_rows(self) -> Vec<Rule> {
        self.rows
    }

    /// A public input.
    pub(crate) fn input(&mut self, value: Fr) -> Result<Lc, SynthesisError> {
        let variable = self.cs.new_input_variable(|| Ok(value))?;
        Ok(Lc {
            terms: vec![(variable, Fr::one())],
            value,
        })
    }

    /// A witness variable. The name says what it is, for tests that forge it.
    pub(crate) fn witness(&mut self, name: &'static str, value: Fr) -> Result<Lc, SynthesisError> {
        #[cfg(test)]
        let value = self
            .forgery
            .replace(name, self.cs.num_witness_variables(), value);
        #[cfg(not(test))]
        let _ = name;
        let variable = self.cs.new_witness_variable(|| Ok(value))?;
        Ok(Lc {
            terms: vec![(variable, Fr::one())],
            value,
        })
    }

    /// a * b = c.
    pub(crate) fn enforce(&mut self, a: &Lc, b: &Lc, c: &Lc) -> Result<(), SynthesisError> {
        self.rows.push(self.rule);
        self.cs
            .enforce_r1cs_constraint(|| a.to_ark(), || b.to_ark(), || c.to_ark())
    }

    /// a = b.
    pub(crate) fn enforce_equal(&mut self, a: &Lc, b: &Lc) -> Result<(), SynthesisError> {
        self.enforce(&(a - b), &Lc::constant(Fr::one()), &Lc::zero())
    }

    /// A new variable for a * b.
    pub(crate) fn product(
        &mut self,
        name: &'static str,
        a: &Lc,
        b: &Lc,
    ) -> Result<Lc, SynthesisError> {
        let product = self.witness(name, a.value * b.value)?;
        self.enforce(a, b, &product)?;
        Ok(product)
    }

    /// A new variable for a / b. **It is unbound when both are zero**: exclude that, or see [`Builder::enforce_nonzero`].
    pub(crate) fn quotient(
        &mut self,
        name: &'static str,
        a: &Lc,
        b: &Lc,
    ) -> Result<Lc, SynthesisError> {
        let quotient = self.witness(name, a.value * b.value.inverse().unwrap_or_default())?;
        self.enforce(&quotient, b, a)?;
        Ok(quotient)
    }

    /// a isn't zero: it has an inverse.
    pub(crate) fn enforce_nonzero(&mut self, rule: Rule, a: &Lc) -> Result<(), SynthesisError> {
        let outer = std::mem::replace(&mut self.rule, rule);
        let inverse = self.witness("inverse", a.value.inverse().unwrap_or_default())?;
        self.enforce(a, &inverse, &Lc::constant(Fr::one()))?;
        self.rule = outer;
        Ok(())
    }
}
