#include "biplane/text/lexicon.h"

#include <gmock/gmock.h>

#include "biplane/core/error.h"
#include "tests/text/test_lexicon.h"

namespace biplane {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::letter_vocabulary;
using testing::source_lexicon;

TEST(Lexicon, HoldsEveryEntityOfTheMethod) {
  const Lexicon lexicon = source_lexicon();
  for (const char* entity : {"abnormality",  "abscess",        "aerate",        "aorta",
                             "atelectasis",  "bronchiectasis", "calcification", "cardiomediastinal",
                             "cardiomegaly", "catheter",       "chf",           "collapse",
                             "congestion",   "consolidation",  "contour",       "copd",
                             "deformity",    "dilation",       "distention",    "edema",
                             "effusion",     "embolism",       "emphysema",     "engorgement",
                             "fibrosis",     "fracture",       "granuloma",     "hernia",
                             "hilar",        "hyperinflate",   "hemidiaphragm", "infiltrate",
                             "mass",         "nodule",         "obscure",       "opacity",
                             "perihilar",    "pneumonia",      "pneumothorax",  "sarcoidosis",
                             "silhouette",   "thickening",     "tuberculosis",  "vasculature"}) {
    EXPECT_EQ(lexicon.classify(entity), WordClass::kEntity) << entity;
    EXPECT_EQ(lexicon.head(entity), entity);
  }
}

TEST(Lexicon, KnowsInflectionsInAnyCaseAndWholeWordsOnly) {
  const Lexicon lexicon = source_lexicon();
  for (const char* word :
       {"Effusions", "OPACITIES", "atelectatic", "masses", "atelectases", "obscured", "obscuring",
        "hyperinflated", "fractures", "pneumothoraces", "consolidations", "hernias"}) {
    EXPECT_EQ(lexicon.classify(word), WordClass::kEntity) << word;
  }
  EXPECT_EQ(lexicon.head("Opacities"), "opacity");
  for (const char* word : {"massive", "effusionlike", "reeffusion", "nodulus"}) {
    EXPECT_NE(lexicon.classify(word), WordClass::kEntity) << word;
  }
}

TEST(Lexicon, TellsTheOtherClassesApart) {
  const Lexicon lexicon = source_lexicon();
  EXPECT_EQ(lexicon.classify("No"), WordClass::kNegation);
  EXPECT_EQ(lexicon.classify("may"), WordClass::kUncertainty);
  EXPECT_EQ(lexicon.classify("bilateral"), WordClass::kSide);
  EXPECT_EQ(lexicon.classify("right-sided"), WordClass::kSide);
  EXPECT_EQ(lexicon.classify("small"), WordClass::kSize);
  EXPECT_EQ(lexicon.classify("lobes"), WordClass::kPlace);
  EXPECT_EQ(lexicon.classify("pacemaker"), WordClass::kDevice);
  EXPECT_EQ(lexicon.classify("the"), WordClass::kStopWord);
  EXPECT_EQ(lexicon.classify("..."), WordClass::kPunctuation);
  EXPECT_EQ(lexicon.classify("clear"), WordClass::kOther);
  EXPECT_EQ(lexicon.classify(""), WordClass::kOther);
}

std::vector<WordClass> classes_of(const std::string& text) {
  const WordPieceTokenizer tokenizer(letter_vocabulary());
  return source_lexicon().annotate(text, tokenizer.encode(text)).word_class;
}

TEST(Lexicon, AllPiecesOfAWordHaveItsClass) {
  EXPECT_THAT(classes_of("No mass."),
              ElementsAre(WordClass::kOther, WordClass::kNegation, WordClass::kNegation,
                          WordClass::kEntity, WordClass::kEntity, WordClass::kEntity,
                          WordClass::kEntity, WordClass::kPunctuation, WordClass::kOther));
}

TEST(Lexicon, AHyphenatedWordThatIsListedIsOneWord) {
  const WordPieceTokenizer tokenizer(letter_vocabulary());
  const std::string text = "right-sided cardio-megaly is a-mass";
  const Encoding encoding = tokenizer.encode(text);
  const WordAnnotation words = source_lexicon().annotate(text, encoding);
  const auto at = [&](std::int32_t start) {
    for (std::size_t i = 1; i < encoding.size(); ++i) {
      if (encoding.offsets[i].first == start) return i;
    }
    return std::size_t{0};
  };
  EXPECT_EQ(words.word_class[at(5)], WordClass::kSide);  // the hyphen of right-sided
  EXPECT_EQ(words.word_ids[at(0)], words.word_ids[at(8)]);
  EXPECT_EQ(words.word_class[at(18)], WordClass::kEntity);  // cardio-megaly = cardiomegaly
  EXPECT_EQ(words.word_ids[at(12)], words.word_ids[at(22)]);
  EXPECT_EQ(words.word_class[at(29)],
            WordClass::kStopWord);  // a-mass is not listed: its parts count
  EXPECT_EQ(words.word_class[at(30)], WordClass::kPunctuation);
  EXPECT_EQ(words.word_class[at(31)], WordClass::kEntity);
  EXPECT_NE(words.word_ids[at(29)], words.word_ids[at(31)]);
  EXPECT_EQ(words.word_ids.front(), -1);
  EXPECT_EQ(words.word_ids.back(), -1);
}

TEST(Lexicon, EqualWordsHaveEqualKeysWhateverTheirCase) {
  const WordPieceTokenizer tokenizer(letter_vocabulary());
  const std::string text = "Mass mass node";
  const Encoding encoding = tokenizer.encode(text);
  const WordAnnotation words = source_lexicon().annotate(text, encoding);
  EXPECT_EQ(words.word_key[1], words.word_key[5]);
  EXPECT_NE(words.word_key[1], words.word_key[9]);
  EXPECT_EQ(words.word_key[0], 0);
}

TEST(Lexicon, AnnotationFollowsATextWithBadBytesAndCuts) {
  const WordPieceTokenizer tokenizer(letter_vocabulary());
  const std::string text = "\xFF\x80 no \xC3 mass mass";
  const Encoding encoding = tokenizer.encode(text, 6);
  const WordAnnotation words = source_lexicon().annotate(text, encoding);
  EXPECT_THAT(words.word_class,
              ElementsAre(WordClass::kOther, WordClass::kNegation, WordClass::kNegation,
                          WordClass::kEntity, WordClass::kEntity, WordClass::kOther));
}

TEST(Lexicon, FindsSentencesThatOnlyNameViews) {
  const Lexicon lexicon = source_lexicon();
  for (const char* sentence : {"PA and lateral views of the chest were obtained.", "Portable AP.",
                               "Two views.", "Frontal and lateral chest radiographs.",
                               "AP semi-upright portable chest x-ray at 05:30."}) {
    EXPECT_TRUE(lexicon.only_names_views(sentence)) << sentence;
  }
  for (const char* sentence :
       {"The chest.", "Lateral view shows an effusion.", "No effusion.", "",
        "Left lateral rib fracture.", "Portable chest without pneumothorax."}) {
    EXPECT_FALSE(lexicon.only_names_views(sentence)) << sentence;
  }
}

std::string error_of(const std::string& yaml) {
  try {
    Lexicon::parse(yaml, "words.yaml");
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(Lexicon, BadFilesAreErrorsThatNameTheWord) {
  EXPECT_THAT(error_of("classes: {entity: [mass], size: [large mass]}"),
              ::testing::AllOf(HasSubstr("words.yaml"), HasSubstr("'mass'"), HasSubstr("entity"),
                               HasSubstr("size")));
  EXPECT_THAT(error_of("classes: {size: [large]}"), HasSubstr("classes.entity"));
  EXPECT_THAT(error_of("classes: {entity: ['']}"), HasSubstr("empty entry"));
  EXPECT_THAT(error_of("classes: {entiti: [mass]}"), HasSubstr("entity"));
  EXPECT_THROW(Lexicon::read("no/such/lexicon.yaml"), Error);
}

TEST(Lexicon, TheProgramFindsTheOneItComesWith) {
  EXPECT_EQ(Lexicon::english().sha256(), source_lexicon().sha256());
  EXPECT_EQ(Lexicon::english().language(), "en");
}

TEST(Lexicon, UsersMayReplaceIt) {
  const Lexicon lexicon =
      Lexicon::parse("name: de\nlanguage: de\nclasses: {entity: [Erguss Erg\u00fcsse]}");
  EXPECT_EQ(lexicon.language(), "de");
  EXPECT_EQ(lexicon.classify("ERG\u00dcSSE"), WordClass::kEntity);
  EXPECT_EQ(lexicon.classify("effusion"), WordClass::kOther);
}

}  // namespace
}  // namespace biplane
