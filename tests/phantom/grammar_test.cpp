#include "biplane/phantom/grammar.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "biplane/core/share.h"
#include "biplane/phantom/wording.h"
#include "biplane/text/prompts.h"
#include "report_input.h"
#include "tests/test_data.h"

namespace biplane {
namespace {

using testing::input_for;
using testing::write;

std::vector<std::string> alternatives(const std::string& choices) {
  std::vector<std::string> out(1);
  for (const char c : choices) {
    if (c == '|')
      out.emplace_back();
    else
      out.back() += c;
  }
  return out;
}

std::vector<std::string> slot_words(const std::string& slot) {
  const Grammar& grammar = phantom_grammar();
  std::vector<std::string> out;
  if (slot == "side") out = {"right", "left", "bilateral"};
  if (slot == "zone") out = {"upper", "mid", "lower"};
  if (slot == "level") out = {"mid thoracic", "lower thoracic"};
  if (slot == "lobe")
    out = {"right upper lobe", "right middle lobe", "right lower lobe",
           "left upper lobe",  "lingula",           "left lower lobe"};
  for (const auto& words : slot == "size" ? grammar.sizes : grammar.degrees)
    if (slot == "size" || slot == "degree") out.insert(out.end(), words.begin(), words.end());
  return out;
}

// Every text of a phrasing's choices and slots, with a capital at its start.
std::set<std::string> instances(const Phrase& phrase) {
  std::set<std::string> open = {phrase.text}, out;
  while (!open.empty()) {
    const std::string text = *open.begin();
    open.erase(open.begin());
    const std::size_t at = text.find_first_of("({");
    if (at == std::string::npos) {
      out.insert(capitalised(text));
      continue;
    }
    const std::size_t end = text.find(text[at] == '(' ? ')' : '}', at);
    const std::string inside = text.substr(at + 1, end - at - 1);
    for (const std::string& word : text[at] == '(' ? alternatives(inside) : slot_words(inside))
      open.insert(text.substr(0, at) + word + text.substr(end + 1));
  }
  return out;
}

std::vector<Phrase> all_phrases() {
  const Grammar& grammar = phantom_grammar();
  std::vector<Phrase> all = grammar.fillers;
  all.insert(all.end(), grammar.conclusions.begin(), grammar.conclusions.end());
  all.insert(all.end(), grammar.stable.begin(), grammar.stable.end());
  for (const FindingPhrases& p : grammar.findings)
    for (const auto* list : {&p.present, &p.present_both, &p.uncertain, &p.uncertain_both,
                             &p.impression, &p.impression_both, &p.changes})
      all.insert(all.end(), list->begin(), list->end());
  return all;
}

TEST(Grammar, HeldOutPhrasingsGiveNoTextThatATrainingPhrasingGives) {
  std::set<std::string> training;
  for (const Phrase& phrase : all_phrases())
    if (!phrase.held_out) training.merge(instances(phrase));
  EXPECT_GT(training.size(), 12000U);
  for (const Phrase& phrase : all_phrases())
    for (const std::string& text : phrase.held_out ? instances(phrase) : std::set<std::string>())
      EXPECT_EQ(training.count(text), 0U) << text;
}

TEST(Grammar, TrainingReportsUseNoHeldOutPhrasing) {
  int used_in_test = 0;
  for (std::uint64_t study = 0; study < 2000; ++study) {
    for (const Phrase* phrase : write(input_for(study), study).phrases)
      EXPECT_FALSE(phrase->held_out) << phrase->text;
    for (const Phrase* phrase : write(input_for(study, true), study).phrases)
      used_in_test += phrase->held_out ? 1 : 0;
  }
  EXPECT_GT(used_in_test, 2000);
}

TEST(Grammar, AFifthOfThePhrasingsIsHeldOut) {
  const std::vector<Phrase> all = all_phrases();
  const auto held_out =
      std::count_if(all.begin(), all.end(), [](const Phrase& phrase) { return phrase.held_out; });
  EXPECT_NEAR(static_cast<double>(held_out) / static_cast<double>(all.size()), 0.2, 0.04);
}

TEST(Prompts, CoverEveryFindingWithHeldOutPhrasingsAmongThem) {
  const PromptSet prompts = read_prompts(share_file("prompts/phantom.yaml"));
  std::set<std::string> known, held_out;
  for (const Phrase& phrase : all_phrases()) {
    for (const std::string& text : instances(phrase)) {
      known.insert(text);
      if (phrase.held_out) held_out.insert(text);
    }
  }
  int from_held_out = 0;
  for (const std::string& name : finding_names()) {
    const PromptClass* prompt = prompts.find(name);
    ASSERT_NE(prompt, nullptr) << name;
    EXPECT_GE(prompt->positive.size(), 6U);
    EXPECT_GE(prompt->negative.size(), 5U);
    for (const auto* list : {&prompt->positive, &prompt->negative})
      for (const std::string& text : *list) {
        EXPECT_EQ(known.count(text), 1U) << "not in the grammar: " << text;
        from_held_out += held_out.count(text) > 0 ? 1 : 0;
      }
  }
  EXPECT_EQ(prompts.classes.size(), static_cast<std::size_t>(kFindingKinds));
  EXPECT_GE(from_held_out, 20);
}

std::string grammar_error(const std::string& from, const std::string& to) {
  std::string yaml = read_file(share_file("phantom/grammar.yaml"));
  const std::size_t at = yaml.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  yaml.replace(at, from.size(), to);
  const testing::TemporaryFolder folder;
  write_file_atomically(folder / "grammar.yaml", yaml);
  try {
    read_grammar(folder / "grammar.yaml");
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kBadContent);
    return error.what();
  }
  return "no error";
}

TEST(Grammar, AnnotationsThatCannotBeAreNamed) {
  using ::testing::AllOf;
  using ::testing::HasSubstr;
  EXPECT_THAT(grammar_error("denies:", "denys:"),
              AllOf(HasSubstr("fillers"), HasSubstr("'denys'"), HasSubstr("'denies'")));
  EXPECT_THAT(grammar_error("shows: [breasts]", "shows: [breast]"),
              HasSubstr("unknown sign: breast"));
  EXPECT_THAT(grammar_error("shows: [breasts]", "shows: breasts"), HasSubstr("a list"));
  EXPECT_THAT(grammar_error("denies: [pneumothorax]", "denies: [pneumotorax]"),
              HasSubstr("unknown finding: pneumotorax"));
  EXPECT_THAT(grammar_error("compares: part", "compares: some"),
              AllOf(HasSubstr("fillers"), HasSubstr("'some'"), HasSubstr("part or all")));
  EXPECT_THAT(grammar_error("about: hila", "about: []"), HasSubstr("fillers.about"));
  EXPECT_THAT(grammar_error("changes: [new, course]", "changes: [old]"),
              HasSubstr("key old is missing"));
}

TEST(Grammar, ChoicesSlotsAndWordsThatCannotBeAreNamed) {
  using ::testing::AllOf;
  using ::testing::HasSubstr;
  const std::string sentence = "{size} {side} pleural effusion <seen>.";
  const auto error = [&](const std::string& to) { return grammar_error(sentence, to); };
  EXPECT_THAT(error("{size} pleural effusion <sean>."),
              AllOf(HasSubstr("pleural_effusion.present"), HasSubstr("unknown word <sean>")));
  EXPECT_THAT(error("{sizee} pleural effusion."),
              AllOf(HasSubstr("unknown slot {sizee}"), HasSubstr("'size'")));
  EXPECT_THAT(error("Pleural (effusion|fluid."), HasSubstr("lacks a ')'"));
  EXPECT_THAT(error("Pleural effusion)."), HasSubstr("has a ')' too many"));
  EXPECT_THAT(error("Pleural (effusion (large|small))."), HasSubstr("has a '(' too many"));
  EXPECT_THAT(error("Pleural <seen effusion."), HasSubstr("lacks a '>'"));
  EXPECT_THAT(grammar_error("degree: [[mild, mild, minimal, slight], [moderate], ", "degree: ["),
              HasSubstr("degree needs a list of words for 3 grades"));
}

TEST(Grammar, ErrorsNameFileAndKey) {
  try {
    read_grammar(share_file("prompts/phantom.yaml"));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kBadContent);
    EXPECT_NE(std::string(error.what()).find("words"), std::string::npos);
    EXPECT_NE(std::string(error.what()).find("phantom.yaml"), std::string::npos);
  }
}

}  // namespace
}  // namespace biplane
