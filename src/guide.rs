//! Guides: how to do a task from beginning to end. The other pages describe one type each.
//!
//! | guide | answers |
//! |---|---|
//! | [`getting_started`] | How do I search my first articles? |
//! | [`from_files_to_answers`] | How do I keep a folder searchable, and feed a language model? |
//! | [`choosing_a_model`] | Does the bundled model suffice? |
//! | [`tuning`] | How do I measure and improve the answers to my own questions? |
//! | [`running_a_service`] | How do I write and search from the threads of a service? |
//! | [`production`] | How do I back up, upgrade and watch an index, and what can fail? |
//! | [`scaling_out`] | What if one machine does not suffice? |
//! | [`coming_from_other_crates`] | What is called how, if I know another crate? |
//!
//! Each guide has one complete program, which the tests of this crate run.

pub mod getting_started {
    #![doc = include_str!("guide/getting_started.md")]
}

pub mod from_files_to_answers {
    #![doc = include_str!("guide/from_files_to_answers.md")]
}

pub mod choosing_a_model {
    #![doc = include_str!("guide/choosing_a_model.md")]
}

pub mod tuning {
    #![doc = include_str!("guide/tuning.md")]
}

pub mod running_a_service {
    #![doc = include_str!("guide/running_a_service.md")]
}

pub mod production {
    #![doc = include_str!("guide/production.md")]
}

pub mod scaling_out {
    #![doc = include_str!("guide/scaling_out.md")]
}

pub mod coming_from_other_crates {
    #![doc = include_str!("guide/coming_from_other_crates.md")]
}
