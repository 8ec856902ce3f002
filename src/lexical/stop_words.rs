//! Stop words: the function words of German and English.

use std::sync::LazyLock;

use rustc_hash::FxHashSet;

use crate::language::AnalyzedLanguage;

/// Whether `word`, in lower case, is a stop word of `language`.
pub(super) fn is_stop_word(word: &str, language: AnalyzedLanguage) -> bool {
    STOP_WORDS[language as usize].contains(word)
}

static STOP_WORDS: LazyLock<[FxHashSet<&str>; AnalyzedLanguage::ALL.len()]> = LazyLock::new(|| {
    AnalyzedLanguage::ALL.map(|language| match language {
        AnalyzedLanguage::German => GERMAN.split_whitespace().collect(),
        AnalyzedLanguage::English => ENGLISH.split_whitespace().collect(),
    })
});

/// Articles, pronouns, prepositions, conjunctions, particles, auxiliary and modal verbs.
pub(super) const GERMAN: &str = "\
    der die das den dem des ein eine einen einem einer eines kein keine keinen keinem keiner \
    keines ich mich mir du dich dir er ihn ihm sie ihnen es wir uns ihr euch man sich selbst \
    mein meine meinen meinem meiner meines dein deine deinen deinem deiner deines sein seine \
    seinen seinem seiner seines ihre ihren ihrem ihrer ihres unser unsere unseren unserem unserer \
    unseres euer eure euren eurem eurer eures dieser diese dieses diesen diesem jener jene jenes \
    jenen jenem derselbe dieselbe dasselbe denselben demselben desselben dieselben derjenige \
    diejenige dasjenige diejenigen denjenigen solche solcher solches solchen solchem jeder jede \
    jedes jeden jedem alle aller alles allen allem manche mancher manches manchen manchem einige \
    einiger einiges einigen einigem andere anderer anderes anderen anderem etwas nichts viel viele \
    vieler vielen vom wer wen wem wessen was welcher welche welches welchen welchem wo woher wohin \
    wann wie warum wieso weshalb wodurch womit wofür wozu woran worauf worin wovon ob dass daß weil \
    da wenn falls als und oder aber denn sondern sowie sowohl weder noch doch jedoch auch nur schon \
    sehr so dann also hier dort nun jetzt wieder mehr nicht an am auf aus bei beim bis durch für \
    gegen hinter in im ins mit nach neben ohne seit statt trotz über um unter von vor während \
    wegen zu zum zur zwischen bin bist ist sind seid war warst waren wart gewesen sei seien wäre \
    wären werde wirst wird werden wurde wurden würde würden geworden worden habe hast hat haben \
    habt hatte hatten hätte hätten gehabt kann kannst können könnt konnte konnten könnte könnten \
    muss musst müssen müsst musste mussten müsste müssten soll sollst sollen sollt sollte sollten \
    will willst wollen wollt wollte wollten darf dürfen durfte durften dürfte dürften mag mögen \
    mochte möchte möchten lassen lässt macht machen gibt deren dessen dabei dafür damit daran \
    darauf daraus darin darüber davon dazu indem sonst zwar etwa bereits";

/// The same kinds of words in English, and the halves of contractions.
pub(super) const ENGLISH: &str = "\
    a an the i me my mine myself you your yours yourself yourselves he him his himself she her \
    hers herself it its itself we us our ours ourselves they them their theirs themselves this \
    that these those who whom whose which what where when why how whether if because since \
    although though while until unless as than and or but nor so yet not no only also too very \
    just then there here now again more most much many some any each every all both few several \
    other another such own same at by for from in into of off on onto out over through to toward \
    towards under up upon with within without about above across after against along among around \
    before behind below beneath beside besides between beyond during down except near per via am \
    is are was were be been being do does did doing done have has had having can cannot could may \
    might must shall should will would ought get gets got let lets make makes made s t d ll m re \
    ve don doesn didn isn aren wasn weren won wouldn couldn shouldn hasn haven hadn";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stop_words_belong_to_a_language() {
        for (language, own, others) in [
            (AnalyzedLanguage::German, ["die", "für", "war"], ["haus", "the", ""]),
            (AnalyzedLanguage::English, ["the", "how", "not"], ["war", "die", "berlin"]),
        ] {
            assert!(own.iter().all(|word| is_stop_word(word, language)));
            assert!(!others.iter().any(|word| is_stop_word(word, language)));
        }
    }

    #[test]
    fn words_are_in_lower_case() {
        assert!(STOP_WORDS.iter().flatten().all(|word| word.to_lowercase() == **word));
    }
}
