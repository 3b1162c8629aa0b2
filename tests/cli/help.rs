use crate::scene::{golden, tacit, text};

/// The subcommands that a help text lists.
fn listed(help: &str) -> Vec<String> {
    let commands = help
        .lines()
        .skip_while(|l| *l != "Commands:")
        .skip(1)
        .take_while(|l| !l.is_empty());
    // What a description goes on with stands further to the right.
    commands
        .filter_map(|line| line.strip_prefix("  "))
        .filter(|line| !line.starts_with(' '))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .map(str::to_string)
        .collect()
}

fn help_of(path: &[&str]) -> String {
    let mut args = path.to_vec();
    args.push("--help");
    let output = tacit(&std::env::temp_dir(), &args);
    assert!(output.status.success(), "{path:?}");
    assert!(output.stderr.is_empty(), "{path:?}");
    text(&output.stdout)
}

#[test]
fn every_command_explains_itself() {
    let top = help_of(&[]);
    golden("help", &top);
    let families = listed(&top);
    assert!(families.len() > 5, "{families:?}");
    for family in &families {
        let mut all = help_of(&[family]);
        for command in listed(&all) {
            let title = format!("\n\n──── tacit {family} {command} --help ────\n\n");
            all = all + &title + &help_of(&[family, &command]);
        }
        golden(&format!("help-{family}"), &all);
    }
}
