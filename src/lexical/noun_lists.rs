//! German nouns whose forms the stemmer does not join, or joins with those of another noun.
//!
//! A noun is followed by other stems of its forms, after `/`. A hyphen marks nouns that also end
//! compounds, if no other word ends like one of their forms: `heiligen` ends like `Ligen`.

/// Nouns with an irregular plural, most of them from Latin, Greek or Italian.
pub(super) const IRREGULAR: &str = "\
    -thema/themen/themata -schema/schemen/schemata -komma/kommata -trauma/traumen/traumata \
    -dogma/dogmen -drama/dramen -firma/firmen -villa/villen -skala/skalen -pizza/pizzen liga/ligen \
    -bundesliga/bundesligen -regionalliga/regionalligen -oberliga/oberligen -aroma/aromen \
    -paradigma/paradigmen -sauna/saunen agenda/agenden -konto/konten/konti -risiko/risiken \
    -saldo/salden -tempo/tempi -cello/celli solo/soli -espresso/espressi -fresko/fresken \
    -lexikon/lexika/lexiken -stadion/stadien -kriterium/kriterien -museum/museen -zentrum/zentren \
    album/alben -fotoalbum/fotoalben forum/foren serum/seren visum/visa/visen \
    -spektrum/spektren/spektra -individuum/individuen -universum/universen \
    -ultimatum/ultimaten votum/voten/vota faktum/fakten -quantum/quanten optimum/optima \
    -maximum/maxima -minimum/minima plenum/plenen -referendum/referenden/referenda \
    -memorandum/memoranden unikum/unika -virus/viren -globus/globen -zyklus/zyklen -radius/radien \
    genius/genien bonus/boni malus/mali -modus/modi terminus/termini -kaktus/kakteen \
    -bazillus/bazillen -rhythmus/rhythmen -algorithmus/algorithmen -logarithmus/logarithmen \
    -atlas/atlanten -mythos/mythen epos/epen -praxis/praxen -datenbasis/datenbasen \
    -prinzip/prinzipien -material/materialien mineral/mineralien -fossil/fossilien \
    -reptil/reptilien -utensil/utensilien adverb/adverbien partizip/partizipien \
    -bus/busse krokus zirkus -tipp/tip -stopp/stop -herr/herrn -nachbar/nachbarn -bauer/bauern \
    ungar/ungarn vetter/vettern -kaufmann/kaufleute \
    -bau/bauten";

/// Nouns that end in letters which the stemmer takes for an ending.
pub(super) const STRONG: &str = "\
    -kurs hals/häls gans/gäns zins leitzins mietzins puls -impuls fels -wuchs -fuchs/füchs -lachs \
    -dachs luchs ochs wachs -flachs -keks koks -klecks -krebs -schnaps/schnäps -schlips -knirps \
    mops/möps -klops klaps gips raps -kollaps schwips mumps -gesims vers gas -erdgas -abgas -biogas \
    -treibhausgas -giftgas -edelgas -glas/gläs -gras/gräs aas -moos mais ananas kosmos chaos pathos \
    ethos albatros kürbis -problem -diadem -emblem -theorem -ekzem -moslem -konzern stern seestern \
    kern atomkern zellkern bayern -pommern zypern ostern -eltern western gestern kurios dubios furios \
    grandios famos rigoros burschikos modern extrem intern extern akku -tabu uhu emu iglu gnu kakadu \
    stau haiku guru zulu milieu -taxi news mars klaus thomas texas kansas paris tennis iris";

/// Nouns that differ from another noun in what the stemmer takes for an ending or for the umlaut of
/// a plural.
pub(super) const DISTINCT: &str = "\
    kur busen -herd herde -bürger/bürgerin/bürgerinn burger burg/burgen -küche -kuchen bär/bär poster \
    posten laster note rinde masse -ritter gatter kutter kosten raster modem säge schale kohle lager roller keller \
    -kammer messer -bande sünde akte muse -marke stück -rücken -blüte wüste -bühne höhle möhre -träne \
    -täter falle ballen gründer ringer eis eisen reis reise";
