//! German and English word lists of the sentence rules: abbreviations, sentence starters, and
//! words around numbers.

use std::sync::LazyLock;

use rustc_hash::FxHashMap;

/// Class of a word.
///
/// Abbreviations are listed without their last period and without spaces between their parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WordClass {
    /// Abbreviation whose period never ends a sentence: `Dr.`, `z. B.`
    NonFinal,
    /// Abbreviation that ends a sentence only before a sentence starter: `Mio.`, `Inc.`
    Ambiguous,
    /// Abbreviation after an enumeration or a measure; its period may end the sentence: `usw.`, `ft.`
    Final,
    /// Abbreviation after a clock time; ends a sentence unless a time qualifier follows: `5 p.m.`
    ClockTime,
    /// Abbreviation in German and a word in English: `mind.`, `gem.`
    ///
    /// In German its period ends a sentence only before a sentence starter.
    GermanOnly,
    /// Abbreviation before a number, a plain word otherwise: `Art. 5`, `No. 10`
    BeforeNumber,
    /// Function word that is capitalized only at the start of a sentence.
    ///
    /// Parts of names (`U.S. Open`) and words that are also German nouns (`Morgen`) are excluded.
    SentenceStarter,
    /// Noun after a German ordinal: `3. Oktober`, `19. Jahrhundert`.
    AfterOrdinal,
    /// Word before a cardinal: `Platz 3`, `um 5`.
    BeforeCardinal,
    /// Word before a single letter: `Vitamin C`, `Plan B`.
    BeforeLetter,
    /// German determiner, which starts a noun phrase.
    Determiner,
    /// Qualifier of a clock time: a zone, day or month.
    TimeQualifier,
    /// Particle between initial and surname.
    NameParticle,
    /// English verb of speech.
    SpeechVerb,
    /// Name that ends with an exclamation mark.
    ExclamatoryName,
    /// Frequent German word that is not an English word.
    German,
    /// Frequent English word that is not a German word.
    English,
}

impl WordClass {
    /// Classes of abbreviations; a word belongs to at most one of them.
    const ABBREVIATIONS: [Self; 6] = [
        Self::NonFinal,
        Self::Ambiguous,
        Self::Final,
        Self::ClockTime,
        Self::GermanOnly,
        Self::BeforeNumber,
    ];

    /// Whether `word` belongs to this class.
    pub(super) fn contains(self, word: &str) -> bool {
        CLASSES.get(word).is_some_and(|classes| classes & self.bit() != 0)
    }

    /// Returns the abbreviation class of `word`, if it is one.
    pub(super) fn of_abbreviation(word: &str) -> Option<Self> {
        let classes = CLASSES.get(word)?;
        Self::ABBREVIATIONS.into_iter().find(|class| classes & class.bit() != 0)
    }

    const fn bit(self) -> u32 {
        1 << self as u32
    }
}

/// Bit set of classes of each listed word.
static CLASSES: LazyLock<FxHashMap<&str, u32>> = LazyLock::new(|| {
    let mut classes = FxHashMap::default();
    for (class, words) in LISTS {
        for word in words.split_whitespace() {
            *classes.entry(word).or_default() |= class.bit();
        }
    }
    classes
});

const LISTS: [(WordClass, &str); 17] = [
    (WordClass::NonFinal, NON_FINAL),
    (WordClass::Ambiguous, AMBIGUOUS),
    (WordClass::Final, FINAL),
    (WordClass::ClockTime, CLOCK_TIME),
    (WordClass::GermanOnly, GERMAN_ONLY),
    (WordClass::BeforeNumber, BEFORE_NUMBER),
    (WordClass::SentenceStarter, SENTENCE_STARTERS),
    (WordClass::AfterOrdinal, AFTER_ORDINAL),
    (WordClass::BeforeCardinal, BEFORE_CARDINAL),
    (WordClass::BeforeLetter, BEFORE_LETTER),
    (WordClass::Determiner, DETERMINERS),
    (WordClass::TimeQualifier, TIME_QUALIFIERS),
    (WordClass::NameParticle, NAME_PARTICLES),
    (WordClass::SpeechVerb, SPEECH_VERBS),
    (WordClass::ExclamatoryName, EXCLAMATORY_NAMES),
    (WordClass::German, GERMAN),
    (WordClass::English, ENGLISH),
];

const NON_FINAL: &str = "\
     a.k.a Abg abzgl Adm ahd allg amerik approx arab ausschl b.w bayer Bearb bearb betr bezgl \
     Bgm brit bzgl bzw ca Cand Capt cf chin Cmdr Col Cpl Cpt D.h d.h d.i Det Dipl Doz Dr Dt \
     dt dän e.g e.v ehem einschl engl entspr erm erw esp europ ev eventl evtl Ew excl exkl Fa \
     Fr franz Frl frz Ft Gebr Gefr gegr Gesch gesch Geschf gest gew gez ggf ggfs Gov griech \
     h.c habil hebr hess Hg hg hist Hl hl Hon Hptm Hr Hrn Hrsg hrsg i.A i.Br i.d.F i.d.R \
     i.d.S i.e i.e.S i.H.v i.S.d i.S.v i.V i.V.m i.w.S ibid incl Ing inkl insb insbes Insp \
     ital jap jur jährl kaiserl kath kgl Kpt lat Lt lt Ltg Ltn m.a.W m.E m.W m.W.n Maj Mdm \
     Messrs mhd Mlle Mme monatl Mr Mrs Ms Msgr Mt mtl Mx n.b nat niederl norw Nr Nrn o.g Oblt \
     Obstlt oec Olt p.Adr Pfr Ph phil poln portug Postf Pres Priv priv Prof prot Präs Pvt \
     Rechtsanw Rep rer resp Rev russ röm schwed schweiz Sekr Sen Sgt sogen soz spez Sra Srta \
     St staatl Ste stellv Stud städt Supt sächs techn tgl Th theol theor türk u.d.T u.U Uffz \
     ungef Univ urspr v.a Verf verh verw vgl viz vorm Vors vs Westf wg wiss Wm wtl wöch z Z.B \
     z.B z.Hd z.Hdn zit zuz zw zzgl öff Öst österr überarb Übers übers";

const AMBIGUOUS: &str = "\
     a.a.O a.D a.M a.Rh a.S abds Abk Abt al Ala Anl Anm Apr Ariz Assn Aufl Aug Ausg Ave B.A \
     B.Sc Bem bes Bez Bhf Bio Blvd Bros Calif Chr Co Colo Conn Corp d.Gr d.J d.M d.O d.Ä Dec \
     Del Dept Dez Diss Dr.h.c Dtzd e.G e.V ed eds Einw EL Esq Essl est Fax Feb Febr Fla Ga \
     geb Gen Ges Hbf Hwy i.J i.L i.O i.R Inc Ind Inst Jan Jb Jg Jgg Jh Jhd Jhdt Jhs Jr jr Jt \
     Jul Jun jun k.A Kan Kfm Kl Kr Krs Kt Kto Ky Lfg Lkr LL.B LL.M Ln Ltd M.A M.D M.Sc Mag \
     Mass max Md Mich Min min Minn Mio Mitgl Mrd Mrz Msp Mär n.a nachm Neb Nev Nov o.B o.D \
     o.J Oct Okla Okt Ore p.a p.P Pa Pck Penn Pfd Ph.D Pkg Pl Pr pt qt Rd Reg.-Bez s.o s.u \
     Sek sen Sep Sept sog Sq Sr sr Stck Std Stdn Stk Str Teel Tel Tenn Tex TL transl Tsd u.a \
     u.v.a v.H v.T Va Verl Verz Wash Whg Wis z.T z.Z z.Zt Zi Zs Zschr Ztg Ztr zzt";

const FINAL: &str = "\
     dgl etc f ff ft gal hr hrs kph lb lbs m.p.h mi mins mph n.Chr o.Ä o.ä oz r.p.m secs \
     u.a.m u.dergl u.dgl u.s.f u.s.w u.v.a.m u.v.m u.Ä u.ä usf usw v.Chr yd yds";

const CLOCK_TIME: &str = "\
     A.M a.m P.M p.m";

const GERMAN_ONLY: &str = "\
     dent gem Jos med mind pol rd Red span verb vet";

const BEFORE_NUMBER: &str = "\
     Abb Abs Abschn Aktennr Anh App app Apt Art Aufg Az Bd Bde Beil Bl Bldg Bsp BT-Drs Buchst \
     Ch ch Chap chap Di Do Drs Eq eq Eqs eqs Erwgr Ex ex Fig fig Figs Fl Fn fn Fri Fußn Gl H \
     Hausnr Hft Joh Kap Kennz Kor Lekt Lief Lit lit Lk Mi Mk Mo Mon No no Nos nos Num num Op \
     op p Par par Para para Pkt Pos pp Ps Pt Randnr Rdn Rdnr Ref ref Rm rm Rn Rte Rubr Rz Röm \
     S Sa Sat Sch Sec sec Sect sect So Sp Sun Tab Taf Teilbd Telefonnr Thu Thur Thurs Tit Tue \
     Tues Tz Unterabs V v Var Ver ver Vers Versn Vol vol Vols Wed Z Ziff Zl Üb";

const SENTENCE_STARTERS: &str = "\
     A Ab Aber According After Alle Allerdings Alles Als Also Although Am Among An And \
     Angesichts Anhand Another Ans Anstatt Anyone Anything Are As At Auch Auf Aufgrund Aufs \
     Aus Außerdem Außerhalb Bald Because Before Bei Beide Beiden Beim Besonders Between Bevor \
     Bis Bisher Bislang Both But By Can Could Da Dabei Dafür Dagegen Daher Dahinter Damals \
     Damit Danach Daneben Dann Daran Darauf Daraufhin Daraus Darf Darin Darum Darunter \
     Darüber Das Dass Dasselbe Davon Davor Dazu Dazwischen Dein Deine Dem Demnach Den Denn \
     Dennoch Der Derjenige Derselbe Des Deshalb Despite Deswegen Dich Did Die Diejenigen Dies \
     Diese Dieselbe Diesem Diesen Dieser Dieses Dir Do Doch Does Dort Du Durch Durfte During \
     Dürfen Each Eben Ebenso Ehe Ein Eine Einem Einen Einer Eines Einige Einigen Einst \
     Entweder Er Erst Es Etwa Etwas Euch Euer Eure Even Eventually Every Everybody Everyone \
     Everything Falls Fast Ferner Few Finally Folglich For From Früher Furthermore Für Ganz \
     Gegen Gemäß Genauso Gerade Gestern Gibt Gleichzeitig Haben Had Has Hat Hatte Hatten Have \
     He Hence Her Here Heute Hier Hingegen Hinter His How However I Ich If Ihm Ihn Ihnen Ihr \
     Ihre Ihrem Ihren Ihrer Ihres Im Immer Immerhin In Indeed Indem Indes Indessen Innerhalb \
     Ins Insbesondere Insgesamt Instead Into Inzwischen Is Ist It Its Ja Jede Jedem Jeden \
     Jedenfalls Jeder Jedes Jedoch Jemand Jene Jener Jenes Jetzt Just Kann Kaum Kein Keine \
     Keinem Keinen Keiner Konnte Konnten Können Later Laut Leider Let Man Manche Mancher \
     Manchmal Many Maybe Meanwhile Mehrere Mein Meine Meinem Meinen Meiner Mich Might Mir Mit \
     Mithilfe Mittlerweile Moreover Most Much Muss Musste Must My Möchte Müssen Nach Nachdem \
     Nachher Natürlich Neben Nein Never Nevertheless Nicht Nichts Nie Niemals Niemand Nobody \
     Noch Nonetheless Not Nothing Now Nun Nur Ob Obgleich Obwohl Oder Offenbar Oft Often Ohne \
     On Once Only Or Other Others Otherwise Our Perhaps Schließlich Schon Sehr Sein Seine \
     Seinem Seinen Seiner Seines Seit Seitdem Seither Selbst Selten Several She Should Sie \
     Since Sind So Sobald Sodass Sofern Sogar Solange Solch Solche Soll Sollen Sollte Sollten \
     Some Somebody Someone Something Sometimes Somit Sondern Sonst Soon Sowie Sowohl Später \
     Statt Stattdessen Still Such Tatsächlich That The Their Then There Therefore These They \
     This Those Though Through Throughout Thus Today Tomorrow Trotz Trotzdem Um Und Unless \
     Unlike Uns Unser Unsere Unserem Unseren Unserer Unter Unterdessen Until Upon Usually \
     Viele Vielen Vielleicht Vielmehr Vom Von Vor Vorher Wann War Waren Warum Was We Weder \
     Wegen Weil Welche Welchem Welchen Welcher Welches Wem Wen Wenn Wer Werden Were Weshalb \
     Wessen What When Where Whereas Whether Which While Who Whom Whose Why Wie Wieder Wieso \
     Wir Wird Wirklich With Within Without Wo Woher Wohin Wollen Wollte Womit Woran Worauf \
     Worin Would Wovon Wozu Wurde Wurden Während Yesterday Yet You Zu Zudem Zuerst Zugleich \
     Zuletzt Zum Zunächst Zur Zuvor Zwar Zwischen Über Überdies Übrigens";

const AFTER_ORDINAL: &str = "\
     Advent Amtszeit April Auflage August Bezirk Bundesliga Dezember Drittel Etage Etappe \
     Feber Februar Folge Gang Geburtstag Generation Grad Grades Halbjahr Halbjahres Halbzeit \
     Instanz Jahr Jahrestag Jahrgang Jahrgangs Jahrhundert Jahrhunderte Jahrhunderts \
     Jahrtausend Jahrtausends Januar Juli Juni Jänner Kammer Klasse Kreisliga Lebensjahr \
     Lebensjahres Legislaturperiode Lesung Liga Mai Mal Minute Monat März November \
     Obergeschoss Oktober Platz Quartal Quartals Rang Regionalliga Reihe Runde Satz Schuljahr \
     Semester Senat September Spielminute Spieltag Staffel Stelle Stock Stockwerk Strafsenat \
     Stunde Tag Teil Todestag Untergeschoss Viertel Weltkrieg Weltkrieges Weltkriegs Woche \
     Zivilsenat";

const BEFORE_CARDINAL: &str = "\
     Abbildung Absatz Abschnitt Akt Android Anlage Artikel auf Aufgabe Ausgabe Band Bild \
     Block Etage etwa Faktor fast Folge Formel Frage gegen gleich Gleichung Gleis Gruppe \
     Größe Halle Haus Hausnummer Heft insgesamt Kanal Kapitel Klasse knapp Lektion Level \
     Linie mal minus Modell Nummer nur Paragraf Paragraph Pflegegrad Phase Platz plus \
     Position Punkt Rang Raum rund Saal Schritt Seite Spalte Staffel Steuerklasse Stock Stufe \
     Szene Tabelle Teil Tor um unter Variante Version Windows Zeile Ziffer Zimmer über Übung";

const BEFORE_LETTER: &str = "\
     Anhang Anlage Appendix Block Buchstabe Buchstaben Category Class Exhibit Faktor Form \
     Gate Grade Group Gruppe Halle Haus Hepatitis Kategorie Klasse Level Liga Modell Note \
     Option Part Phase Plan Programmiersprache Punkt Schedule Serie Sprache Stufe Teil \
     Terminal Typ Type Variante Version Vertrag Vitamin Vitamine Zone";

const DETERMINERS: &str = "\
     Am am Beim beim Das das dein Dem dem Den den Der der Des des Die die diese diesem diesen \
     dieser dieses Ein ein Eine eine Einem einem Einen einen Einer einer eines ihre ihrem \
     ihren ihrer Im im jede jedem jeden jeder mein meinem meinen seine seinem seinen seiner \
     unser unsere unserem unseren Vom vom Zum zum Zur zur";

const TIME_QUALIFIERS: &str = "\
     Apr April Atlantic Aug August BST CDT Central CEST CET CST CT Dec December Eastern EDT \
     EST ET Feb February Fri Friday GMT Greenwich Jan January Jul July Jun June Mar March May \
     MDT Mon Monday Mountain MST MT Nov November Oct October Pacific PDT PST PT Sat Saturday \
     Sep Sept September Sun Sunday Thu Thurs Thursday Tue Tues Tuesday UTC Wed Wednesday";

const NAME_PARTICLES: &str = "\
     Da De Del Della Den Dos Du La Le Van Vom Von Zu Zum Zur";

const SPEECH_VERBS: &str = "\
     added answered asked asks called cried demanded exclaimed insisted joked laughed \
     muttered recalled replied said says screamed shouted told warned whispered wondered \
     wrote yelled";

const EXCLAMATORY_NAMES: &str = "\
     Jeopardy Joomla Yahoo";

const GERMAN: &str = "\
     Aber aber als Am am auch auf aus bei Dann dann Das das dem den Der der des Die ein eine \
     einem einen einer Er er Es es für haben hatte Ich ich Im im ist kam mit nach nicht noch \
     oder sagte seit sich Sie sie sind um und vom von wie Wir wir wird wurde zu zum zur";

const ENGLISH: &str = "\
     A a and are at be been But but by do for from had has have He he her his I In is It it \
     not of on or said She she that The the There there They they This this to We we were \
     which with would You you";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_has_at_most_one_abbreviation_class() {
        let count = |classes: u32| {
            WordClass::ABBREVIATIONS.iter().filter(|class| classes & class.bit() != 0).count()
        };
        for (word, classes) in CLASSES.iter() {
            assert!(count(*classes) <= 1, "{word}");
        }
        let listed = LISTS.iter().map(|(class, words)| (class, words.split_whitespace()));
        for (class, mut words) in listed {
            assert!(words.all(|word| class.contains(word)), "{class:?}");
        }
    }
}
