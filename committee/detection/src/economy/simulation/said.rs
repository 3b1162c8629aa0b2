//! The results in sentences: what was played, on which boards, and what came of it.

use super::cells::Cell;
use super::page::between;
use super::{Between, Plan, Results};
use crate::policy::allowance::{LEAST, TIMES_MEDIAN};
use crate::validate::detection::Part;
use crate::words::capital;

/// Seeds that are listed; of more, the first few and the last.
const LISTED: usize = 4;

impl Plan {
    /// What is in [`Results::mix`], in words.
    pub fn mix_of(&self) -> String {
        if self.is_stated_mix {
            return "rings of ten or more, each alike".to_owned();
        }
        let rings = self.cells.iter().filter(|cell| Cell::is_of_mix(cell));
        format!("these {} rings, not the stated mix", rings.count())
    }

    /// Of which part the seeds are: even ones, and any with an even one among them, are for tuning.
    pub fn part(&self) -> Part {
        let tuning = |seed: &u64| Part::of_seed(*seed) == Part::Tuning;
        match self.seeds.iter().any(tuning) {
            true => Part::Tuning,
            false => Part::HeldBack,
        }
    }
}

impl Results {
    /// What was played, in sentences.
    pub fn preface(&self, plan: &Plan) -> Vec<String> {
        let (terms, seeds) = (&plan.terms, listed(&self.seeds_played));
        let hours = terms.window_ms / (60 * 60 * 1000);
        let window = match hours {
            whole if whole % 24 == 0 => format!("{} days", whole / 24),
            hours => format!("{hours} hours"),
        };
        let mut said = vec![match &plan.ground {
            None => format!(
                "{} made-up boards of {} days for each of {} kinds of rings, judged in windows of {window}; seeds {seeds}.",
                self.seeds,
                plan.population.days,
                self.cells.len()
            ),
            Some(ground) => format!(
                "Board {}, with each of {} kinds of rings {} times, judged in windows of {window}; seeds {seeds}.",
                crate::words::name(&ground.board),
                self.cells.len(),
                self.seeds
            ),
        }];
        if plan.part() == Part::Tuning {
            said.push("Thresholds were chosen by boards like these, so these figures are hopeful; report those of odd seeds.".to_owned());
        }
        said.extend(plan.ground.iter().flat_map(|ground| ground.says()));
        said.push(format!(
            "A post earns {} for each whole vote. A stake is {}, a post costs {}, a vote {}, an account {} beside its stake, a bribe {}. Rewards are paid out {} windows after they were earned.",
            terms.reward.0,
            terms.stake.0,
            terms.post_cost.0,
            terms.vote_cost.0,
            terms.account_cost.0,
            plan.bribe.0,
            terms.paid_out_after
        ));
        said.push(format!(
            "Who supports more posts in a window than {TIMES_MEDIAN} times the median, and than {LEAST}, is heard for so many, and for each of them less.",
        ));
        said.push(format!(
            "Returns on investment in percent; {}. +100 % means that what was put in, stakes included, came back twice.",
            self.bounds
        ));
        said
    }

    /// Whether the mix loses, in sentences, and what stands beside that: how many kinds don't, and what it depends on.
    pub fn verdict(&self) -> Vec<String> {
        let of = |defences: &str| self.mix.iter().find(|r| r.defences == defences);
        let mix = match self.is_stated_mix {
            true => "the mix".to_owned(),
            false => format!("the mean of {},", self.mix_of),
        };
        let mut said = Vec::new();
        if let Some(all) = of("all") {
            let [lose, doubt, gain] = self.kinds("all");
            said.push(format!(
                "With all defences {mix} {} ({}). Of its {} kinds of rings {lose} lose, {doubt} are in doubt, and {gain} still gain.",
                all.on_investment.says(),
                between(&all.on_investment),
                lose + doubt + gain
            ));
        }
        for (defences, without) in [
            ("all but quality", "a measure of quality"),
            ("all but attention", "proofs of attention"),
            ("all but the allowance", "an allowance of votes"),
            ("all but the strikes", "strikes"),
        ] {
            if let Some(found) = of(defences) {
                said.push(format!(
                    "Without {without} it {} ({}).",
                    found.on_investment.says(),
                    between(&found.on_investment)
                ));
            }
        }
        said
    }

    /// What is above the returns of the mix.
    pub fn heading(&self) -> String {
        capital(&self.mix_of)
    }
}

impl Between {
    /// Below zero as a whole, about zero, or above.
    pub(super) fn side(&self) -> usize {
        match (self.high < 0.0, self.low > 0.0) {
            (true, _) => 0,
            (false, false) => 1,
            (false, true) => 2,
        }
    }

    fn says(&self) -> &'static str {
        ["loses", "may lose or gain", "gains"][self.side()]
    }
}

fn listed(seeds: &[u64]) -> String {
    let list: Vec<String> = seeds.iter().take(LISTED).map(u64::to_string).collect();
    match seeds.last() {
        Some(last) if seeds.len() > LISTED => format!("{}, ... {last}", list.join(", ")),
        _ => list.join(", "),
    }
}
