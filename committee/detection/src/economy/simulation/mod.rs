//! Rings and honest members played against each other on made-up boards, or among the members of a real one,
//! with each defence and without it: what a ring earns, and what the defences cost an honest member.
//!
//! The terms are stated and were chosen before any result was seen: [`Plan::stated`]. What the answer depends
//! on most is how much a vote brings beside the stake, so it is also given for other [`Terms`]
//! ([`Results::terms`]), over the same votes.

pub mod cells;
pub mod page;
pub mod real;
pub mod said;
pub mod world;

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;

use self::cells::Cell;
use self::real::Ground;
use self::world::{Honest, Played, play};
use super::interval::{Interval, mean};
use super::{Books, Layers, Priced, Returns, Terms, YEAR_MS, returns};
use crate::policy::appeals::Period;
use crate::policy::strikes::Units;
use crate::simulate::behaviour::Behaviour;
use crate::simulate::population::{Population, Synthetic};
use crate::validate::detection::Part;
use crate::validate::each;
use crate::validate::metrics::bounds;

/// What happened never, in so many tries, happens with 95 % confidence at most this often over their number.
const UNSEEN: f64 = 3.0;
/// The share of its stake that a first strike takes.
const FIRST_STRIKE: f64 = 0.25;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// What is played.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Among whom, if they are made up.
    pub population: Population,
    /// The real board on which it is played instead.
    pub ground: Option<Ground>,
    /// Rings.
    pub cells: Vec<Cell>,
    /// Boards: one for each seed.
    pub seeds: Vec<u64>,
    /// What taking part costs and brings.
    pub terms: Terms,
    /// What an outsider is paid for a vote.
    pub bribe: Units,
    /// Whether the cells are the stated mix, and not a few for a quick look.
    pub is_stated_mix: bool,
}

impl Plan {
    /// Twelve weeks in windows of two, 415 members of every behaviour; each ring member writes a post a week.
    ///
    /// A post earns 100 for each whole vote. A stake is ten votes' worth, a post costs half a vote's worth, a
    /// vote a hundredth, an account, beside its stake, one; a bribe is half a vote's worth. Rewards are paid
    /// out two windows after they were earned.
    pub fn stated(seeds: Vec<u64>) -> Self {
        Self {
            population: Population {
                days: 84,
                ..Population::mixed()
            },
            ground: None,
            cells: cells::all(12),
            seeds,
            is_stated_mix: true,
            terms: Terms {
                stake: Units(1_000),
                reward: Units(100),
                post_cost: Units(50),
                vote_cost: Units(1),
                account_cost: Units(100),
                paid_out_after: 2,
                window_ms: 14 * DAY_MS,
                appeal: Period::TWO_WEEKS,
            },
            bribe: Units(50),
        }
    }

    /// A look that takes seconds: three rings among casual members, experts and one niche, for eight weeks.
    pub fn quick(seeds: Vec<u64>) -> Self {
        let stated = Self::stated(seeds);
        let mut population = Population::plain(120, 56);
        population.name = "quick".into();
        Self {
            population,
            cells: cells::few(8),
            is_stated_mix: false,
            ..stated
        }
    }

    /// Rings among the members of a real board, with the stated terms, in its windows: those of
    /// [`cells::fewer`], or, for a quick look, the few.
    pub fn on(ground: Ground, seeds: Vec<u64>, quick: bool) -> Self {
        let (stated, posts_each) = (Self::stated(seeds), ground.posts_each());
        Self {
            cells: match quick {
                true => cells::few(posts_each),
                false => cells::fewer(posts_each),
            },
            terms: Terms {
                window_ms: ground.window_ms,
                ..stated.terms
            },
            ground: Some(ground),
            is_stated_mix: false,
            ..stated
        }
    }

    /// The board of one seed.
    fn board(&self, seed: u64) -> Cow<'_, Synthetic> {
        match &self.ground {
            Some(ground) => Cow::Borrowed(&ground.stage),
            None => Cow::Owned(self.population.board(seed)),
        }
    }

    /// How long somebody was there to be judged.
    fn days(&self) -> f64 {
        match &self.ground {
            Some(ground) => (ground.judged as i64 * ground.window_ms) as f64 / DAY_MS as f64,
            None => f64::from(self.population.days),
        }
    }

    /// Boards that are played: one without a ring, and one for each cell, for every seed.
    pub fn boards(&self) -> usize {
        self.seeds.len() * (self.cells.len() + 1)
    }
}

/// What one kind of ring earned.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fared {
    /// The ring in words.
    pub ring: String,
    /// Its members.
    pub size: usize,
    /// Whether it counts in [`Results::mix`].
    pub is_of_mix: bool,
    /// Return on investment with each set of defences.
    pub returns: Vec<Return>,
    /// The share of its members with a strike.
    pub struck: f64,
    /// Boards on which it was played.
    pub boards: usize,
}

/// A return on investment: 10 is a gain of 1000 %.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Return {
    /// With which defences.
    pub defences: &'static str,
    /// Of all that the ring's accounts put in, what they got beyond it.
    pub on_investment: Between,
    /// The same, less what the same posts would have got without the ring's votes.
    pub over_honesty: Between,
}

/// A mean and its bounds over boards; [`Results::bounds`] says what they are.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Between {
    /// The mean.
    pub mean: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl From<Interval> for Between {
    fn from(interval: Interval) -> Self {
        let Interval {
            mean, low, high, ..
        } = interval;
        Self { mean, low, high }
    }
}

impl From<Returns> for Return {
    fn from(returns: Returns) -> Self {
        Self {
            defences: returns.name,
            on_investment: returns.on_investment.into(),
            over_honesty: returns.over_honesty.into(),
        }
    }
}

/// What the defences cost honest members of one behaviour.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cost {
    /// How they behave.
    pub behaviour: String,
    /// Members times windows in which they voted and could be judged.
    pub member_epochs: u64,
    /// Of these, the share in which the member was suspected and its votes counted less.
    pub discounted: f64,
    /// The share of their posts' rewards that the discount took; none, if their posts earned nothing.
    pub rewards_lost: Option<f64>,
    /// The share that the allowance took, of others' votes for them.
    pub rewards_limited: Option<f64>,
    /// Strikes.
    pub strikes: u64,
    /// The share of its stake that a member loses in a year, before appeals.
    pub stake_lost_per_year: f64,
    /// Its upper 95 % bound. Where nobody was struck, that of a strike a year that was never seen, with all
    /// boards of a seed counted as one.
    pub at_most_per_year: f64,
}

/// Who was struck.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Strikes {
    /// Members of rings.
    pub ring: u64,
    /// Outsiders whom a ring paid.
    pub bribed: u64,
    /// Everybody else.
    pub clean: u64,
    /// Windows in which a clean member voted and could be judged.
    pub clean_member_epochs: u64,
}

impl Strikes {
    /// The share of strikes that met a ring's member; bribed outsiders count on neither side.
    pub fn precision(&self) -> Option<f64> {
        let all = self.ring + self.clean;
        (all > 0).then(|| self.ring as f64 / all as f64)
    }

    /// Strikes on clean members for ten thousand windows of theirs.
    pub fn of_ten_thousand(&self) -> f64 {
        10_000.0 * self.clean as f64 / (self.clean_member_epochs as f64).max(1.0)
    }
}

/// The mix with other terms.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OtherTerms {
    /// Which.
    pub terms: &'static str,
    /// Without defences.
    pub none: Between,
    /// With all.
    pub all: Between,
}

/// The whole.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Results {
    /// Boards, one for each.
    pub seeds: usize,
    /// Which.
    pub seeds_played: Vec<u64>,
    /// Of which part they are: by those kept for tuning thresholds were chosen.
    pub part: Part,
    /// What `low` and `high` are, over these boards.
    pub bounds: String,
    /// Every kind of ring.
    pub cells: Vec<Fared>,
    /// All rings of ten or more that write junk, each alike.
    pub mix: Vec<Return>,
    /// Which rings these are, in words.
    pub mix_of: String,
    /// Whether they are the stated mix.
    pub is_stated_mix: bool,
    /// Honest members.
    pub honest: Vec<Cost>,
    /// Who was struck, over all boards.
    pub strikes: Strikes,
    /// The mix with other terms.
    pub terms: Vec<OtherTerms>,
    /// Rings that could not be planted, and why.
    pub refused: Vec<String>,
}

impl Results {
    /// Of the mix's kinds of rings with these defences: those that lose (the whole interval is below zero), those in
    /// doubt, and those that gain.
    pub fn kinds(&self, defences: &str) -> [usize; 3] {
        let mut kinds = [0; 3];
        for cell in self.cells.iter().filter(|cell| cell.is_of_mix) {
            let of = cell.returns.iter().find(|r| r.defences == defences);
            if let Some(found) = of {
                kinds[found.on_investment.side()] += 1;
            }
        }
        kinds
    }

    /// For each size, what a ring that knows these figures does: of the kinds that write junk, the one that adds most to
    /// honest posts with all defences. The best of many by chance looks a little better than it is.
    pub fn adaptive(&self) -> Vec<&Fared> {
        let adds = |cell: &Fared| {
            let all = cell.returns.iter().find(|r| r.defences == "all");
            all.map_or(f64::NEG_INFINITY, |r| r.over_honesty.mean)
        };
        let mut best: BTreeMap<usize, &Fared> = BTreeMap::new();
        let smallest = |cell: &&Fared| cell.is_of_mix || cell.size < cells::LEAST_OF_MIX;
        for cell in self.cells.iter().filter(smallest) {
            let known = best.entry(cell.size).or_insert(cell);
            if adds(cell) > adds(known) {
                *known = cell;
            }
        }
        best.into_values().collect()
    }
}

/// Plays all of a plan on so many threads, which change nothing; `done` is told after every board. `None` for fewer
/// than two seeds: without them nothing can be said of how far a mean can be trusted.
pub fn simulate(plan: &Plan, threads: usize, done: impl Fn() + Sync) -> Option<Results> {
    let other = other_terms(&plan.terms);
    let mut books: Vec<Vec<Vec<Books>>> = vec![Vec::new(); plan.cells.len()];
    let mut priced: Vec<Vec<Vec<(Books, Books)>>> = books.iter().map(|_| Vec::new()).collect();
    let mut struck = vec![(0, 0); plan.cells.len()];
    let mut tally = Tally::default();
    let mut refused = Vec::new();
    let of_seed = |place: usize| {
        let seed = plan.seeds.get(place).copied().unwrap_or_default();
        OfSeed::play(plan, seed, &other, &done)
    };
    for of_seed in each(plan.seeds.len(), threads, of_seed, |_| ()) {
        tally.take(of_seed.tally);
        for (place, on_board) in of_seed.cells.into_iter().enumerate() {
            match on_board {
                Ok(on_board) => {
                    struck[place].0 += on_board.struck;
                    struck[place].1 += on_board.members;
                    books[place].push(on_board.books);
                    priced[place].push(on_board.priced);
                }
                Err(why) => refused.push(why),
            }
        }
    }
    let mut fared = Vec::new();
    for ((cell, books), (struck, members)) in plan.cells.iter().zip(&books).zip(struck) {
        let Some(returns) = returns(books, 0) else {
            continue;
        };
        fared.push(Fared {
            ring: cell.to_string(),
            size: cell.ring.size,
            is_of_mix: cell.is_of_mix(),
            returns: returns.into_iter().map(Return::from).collect(),
            struck: struck as f64 / members.max(1) as f64,
            boards: books.len(),
        });
    }
    // Rings that couldn't be planted on every board would weigh boards differently.
    let whole = |place: &usize| {
        let is_of_mix = plan.cells.get(*place).is_some_and(Cell::is_of_mix);
        is_of_mix
            && books
                .get(*place)
                .is_some_and(|b| b.len() == plan.seeds.len())
    };
    let of_mix: Vec<usize> = (0..plan.cells.len()).filter(whole).collect();
    let boards = plan.seeds.len();
    let mix = Layers::COMPARED.iter().enumerate().map(|(row, (name, _))| {
        let over = |figure: fn(&Books) -> f64| {
            over_mix(&of_mix, boards, |place, board| {
                figure(&books[place][board][row])
            })
        };
        Some(Return {
            defences: name,
            on_investment: over(Books::return_on_investment)?,
            over_honesty: over(Books::return_over_honesty)?,
        })
    });
    let terms = other.iter().enumerate().map(|(row, (name, _))| {
        let over = |figure: fn(&(Books, Books)) -> f64| {
            over_mix(&of_mix, boards, |place, board| {
                figure(&priced[place][board][row])
            })
        };
        Some(OtherTerms {
            terms: name,
            none: over(|(none, _)| none.return_on_investment())?,
            all: over(|(_, all)| all.return_on_investment())?,
        })
    });
    Some(Results {
        seeds: plan.seeds.len(),
        seeds_played: plan.seeds.clone(),
        part: plan.part(),
        bounds: bounds(plan.seeds.len()),
        mix_of: plan.mix_of(),
        is_stated_mix: plan.is_stated_mix,
        mix: mix.collect::<Option<_>>()?,
        terms: terms.collect::<Option<_>>()?,
        cells: fared,
        honest: tally.costs(plan),
        strikes: tally.strikes,
        refused,
    })
}

/// What was played with one seed.
struct OfSeed {
    tally: Tally,
    /// By cell; or why its ring couldn't be planted.
    cells: Vec<Result<OnBoard, String>>,
}

/// A ring on one board.
struct OnBoard {
    struck: usize,
    members: usize,
    books: Vec<Books>,
    /// With each of the other terms: without defences, and with all.
    priced: Vec<(Books, Books)>,
}

impl OfSeed {
    fn play(plan: &Plan, seed: u64, other: &[(&'static str, Terms)], done: &impl Fn()) -> Self {
        let mut tally = Tally::default();
        let made = plan.board(seed);
        if let Ok(played) = play(plan, &made, None, seed) {
            tally.add(seed, &played);
        }
        done();
        let on_board = |cell: &Cell| {
            let played = play(plan, &made, Some(cell), seed);
            done();
            let played = played.map_err(|why| format!("{cell}: {why}"))?;
            tally.add(seed, &played);
            let mut ring = Priced::of(&played.ring);
            let books = ring.all(&plan.terms);
            let mut with = |terms: &Terms| {
                let none = ring.fare(terms, Layers::NONE);
                (none, ring.fare(terms, Layers::ALL))
            };
            Ok(OnBoard {
                struck: played.struck,
                members: played.ring.members.len(),
                books,
                priced: other.iter().map(|(_, terms)| with(terms)).collect(),
            })
        };
        let cells = plan.cells.iter().map(on_board).collect();
        Self { tally, cells }
    }
}

/// The mean over rings for each board, and the interval of these means: rings on one board aren't
/// independent of each other.
fn over_mix(
    rings: &[usize],
    boards: usize,
    figure: impl Fn(usize, usize) -> f64,
) -> Option<Between> {
    if rings.is_empty() {
        return None;
    }
    let of_board = |board: usize| {
        let sum: f64 = rings.iter().map(|ring| figure(*ring, board)).sum();
        sum / rings.len() as f64
    };
    let means: Vec<f64> = (0..boards).map(of_board).collect();
    mean(&means, 0).map(Between::from)
}

/// Terms that differ from those that are stated in one thing each.
fn other_terms(stated: &Terms) -> Vec<(&'static str, Terms)> {
    let stake = |units| Terms {
        stake: Units(units),
        ..stated.clone()
    };
    let post_cost = |units| Terms {
        post_cost: Units(units),
        ..stated.clone()
    };
    let paid_out_after = |paid_out_after| Terms {
        paid_out_after,
        ..stated.clone()
    };
    vec![
        ("as stated", stated.clone()),
        ("a quarter of the stake", stake(stated.stake.0 / 4)),
        (
            "four times the stake",
            stake(stated.stake.0.saturating_mul(4)),
        ),
        ("posts that cost nothing", post_cost(0)),
        (
            "posts that cost twice as much",
            post_cost(stated.post_cost.0.saturating_mul(2)),
        ),
        ("rewards paid out at once", paid_out_after(0)),
        ("rewards paid out after four windows", paid_out_after(4)),
    ]
}

/// Honest members over all boards.
#[derive(Default)]
struct Tally {
    sums: BTreeMap<Behaviour, Honest>,
    /// By behaviour and seed, what was lost of what was staked: boards of one seed aren't independent.
    lost: BTreeMap<Behaviour, BTreeMap<u64, (u128, u128)>>,
    strikes: Strikes,
}

impl Tally {
    /// Takes in another, of other seeds.
    fn take(&mut self, other: Self) {
        self.strikes.ring += other.strikes.ring;
        self.strikes.bribed += other.strikes.bribed;
        self.strikes.clean += other.strikes.clean;
        self.strikes.clean_member_epochs += other.strikes.clean_member_epochs;
        for (behaviour, honest) in &other.sums {
            self.sums.entry(*behaviour).or_default().add(honest);
        }
        for (behaviour, lost) in other.lost {
            self.lost.entry(behaviour).or_default().extend(lost);
        }
    }

    fn add(&mut self, seed: u64, played: &Played) {
        self.strikes.ring += played.ring_strikes;
        self.strikes.bribed += played.bribed_strikes;
        for (behaviour, honest) in &played.honest {
            self.strikes.clean += honest.strikes;
            self.strikes.clean_member_epochs += honest.member_epochs;
            self.sums.entry(*behaviour).or_default().add(honest);
            let of_seed = self
                .lost
                .entry(*behaviour)
                .or_default()
                .entry(seed)
                .or_default();
            of_seed.0 += honest.stakes_lost;
            of_seed.1 += honest.stakes;
        }
    }

    fn costs(&self, plan: &Plan) -> Vec<Cost> {
        let years = plan.days() * DAY_MS as f64 / YEAR_MS;
        let over = |part: u128, whole: u128| {
            if whole > 0 {
                part as f64 / whole as f64
            } else {
                0.0
            }
        };
        let windows_a_year = YEAR_MS / plan.terms.window_ms as f64;
        // A real board is the same with each seed.
        let same = match plan.ground {
            Some(_) => plan.seeds.len(),
            None => 1,
        };
        let with_same_members = ((plan.cells.len() + 1) * same) as f64;
        let cost = |(behaviour, sum): (&Behaviour, &Honest)| {
            let of_seeds = self.lost.get(behaviour).into_iter();
            let of_seeds = of_seeds.flat_map(BTreeMap::values);
            let shares: Vec<f64> = of_seeds
                .map(|(lost, staked)| over(*lost, *staked) / years)
                .collect();
            let lost = over(sum.stakes_lost, sum.stakes) / years;
            // Boards of one seed count as one: they have the same honest members.
            let alone = sum.member_epochs as f64 / with_same_members;
            let unseen = UNSEEN / alone.max(1.0) * FIRST_STRIKE * windows_a_year;
            Cost {
                behaviour: match plan.ground {
                    Some(_) => "members of the board".to_owned(),
                    None => behaviour.to_string(),
                },
                member_epochs: sum.member_epochs,
                discounted: over(sum.discounted.into(), sum.member_epochs.into()),
                rewards_lost: sum.taken(sum.rewards_discounted),
                rewards_limited: sum.taken(sum.rewards_allowed),
                strikes: sum.strikes,
                stake_lost_per_year: lost,
                at_most_per_year: match sum.strikes {
                    0 => unseen,
                    _ => mean(&shares, 0).map_or(lost, |i| i.high),
                },
            }
        };
        self.sums.iter().map(cost).collect()
    }
}
