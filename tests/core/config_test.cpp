#include "biplane/core/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "tests/test_data.h"

namespace biplane {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

struct Corpus {
  std::string path;
  double weight = 1;
  template <class V>
  void visit(V& v) {
    v.field("path", path);
    v.field("weight", weight);
  }
};

struct Train {
  double lr = 1e-4;
  std::int64_t steps = 10;
  template <class V>
  void visit(V& v) {
    v.field("lr", lr);
    v.field("steps", steps);
  }
};

struct Example {
  std::string name = "x";
  bool frozen = false;
  Train train;
  std::vector<Corpus> corpora;
  std::vector<std::int64_t> sizes = {1, 2};
  template <class V>
  void visit(V& v) {
    v.field("name", name);
    v.field("frozen", frozen);
    v.field("train", train);
    v.field("corpora", corpora);
    v.field("sizes", sizes);
  }
};

Example load(const std::string& yaml, const std::vector<std::string>& sets = {}) {
  ConfigTree tree = ConfigTree::parse(yaml, "test.yaml");
  for (const std::string& set : sets) tree.set(set);
  Example example;
  load_config(tree, example);
  return example;
}

std::string failure(const std::string& yaml, const std::vector<std::string>& sets = {}) {
  try {
    load(yaml, sets);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    return error.what();
  }
  return "no error";
}

TEST(Config, AbsentKeysKeepTheirDefaults) {
  const Example example = load("train:\n  steps: 7\n");
  EXPECT_EQ(example.train.steps, 7);
  EXPECT_EQ(example.train.lr, 1e-4);
  EXPECT_EQ(example.name, "x");
}

TEST(Config, EmptyFileIsAllDefaults) { EXPECT_EQ(load("").train.steps, 10); }

TEST(Config, SetWinsOverTheFileAndMakesMissingGroups) {
  EXPECT_EQ(load("train: {lr: 0.5}", {"train.lr=1e-3"}).train.lr, 1e-3);
  EXPECT_EQ(load("", {"train.steps=3", "train.lr=2"}).train.steps, 3);
  EXPECT_EQ(load("train: {lr: 0.5}", {"train.steps=3"}).train.lr, 0.5);
  EXPECT_THAT(load("", {"sizes=[4, 5, 6]"}).sizes, ::testing::ElementsAre(4, 5, 6));
  EXPECT_EQ(load("name: y", {"name="}).name, "");
}

TEST(Config, UnknownKeyNamesTheNearestOne) {
  EXPECT_THAT(failure("train:\n  stesp: 7\n"), ::testing::HasSubstr("unknown key train.stesp"));
  EXPECT_THAT(failure("train:\n  stesp: 7\n"), ::testing::HasSubstr("did you mean 'train.steps'"));
  EXPECT_THAT(failure("", {"trian.lr=1"}), ::testing::HasSubstr("trian"));
  EXPECT_THAT(failure("corpora: [{paht: a}]"), ::testing::HasSubstr("corpora.0.paht"));
}

TEST(Config, AKeyGivenTwiceIsNamedWithItsLine) {
  EXPECT_THAT(failure("train:\n  lr: 1\n  lr: 2\n"), ::testing::HasSubstr("line 3: the key 'lr'"));
}

TEST(Config, WrongTypeNamesKeyAndValue) {
  const std::string message = failure("train:\n  steps: many\n");
  EXPECT_THAT(message, ::testing::HasSubstr("test.yaml"));
  EXPECT_THAT(message, ::testing::HasSubstr("train.steps"));
  EXPECT_THAT(message, ::testing::HasSubstr("'many'"));
  EXPECT_THAT(failure("train: 3"), ::testing::HasSubstr("a group of keys"));
  EXPECT_THAT(failure("train: {steps: 1.5}"), ::testing::HasSubstr("whole number"));
  EXPECT_THAT(failure("train: {lr: nan}"), ::testing::HasSubstr("finite"));
  EXPECT_THAT(failure("frozen: 1"), ::testing::HasSubstr("true or false"));
  EXPECT_THAT(failure("sizes: 3"), ::testing::HasSubstr("list"));
  EXPECT_THAT(failure("", {"train.steps"}), ::testing::HasSubstr("key=value"));
  EXPECT_THAT(failure("name: x", {"name.a=3"}), ::testing::HasSubstr("name is a value"));
}

class ConfigFiles : public ::testing::Test {
 protected:
  void write(const std::string& name, const std::string& text) const {
    make_folder((folder_ / name).parent_path());
    write_file_atomically(folder_ / name, text);
  }
  Example read(const std::string& name, const std::vector<std::string>& sets = {}) const {
    ConfigTree tree = ConfigTree::read(folder_ / name);
    for (const std::string& set : sets) tree.set(set);
    Example example;
    load_config(tree, example);
    return example;
  }
  Error refusal(const std::string& name, const std::vector<std::string>& sets = {}) const {
    try {
      read(name, sets);
    } catch (const Error& error) {
      return error;
    }
    ADD_FAILURE() << "nothing was thrown";
    return Error(ErrorKind::kFailure, "");
  }

  testing::TemporaryFolder folder_;
};

TEST_F(ConfigFiles, AFileStandsOnTheOneItExtends) {
  write("base.yaml", "name: base\nfrozen: true\ntrain: {lr: 0.5, steps: 3}\nsizes: [7, 8, 9]\n");
  write("sub/middle.yaml", "extends: ../base.yaml\ntrain:\n  steps: 4\ncorpora: [{path: a}]\n");
  write("top.yaml", "sizes: [5]\nextends: sub/middle.yaml\nname: top\n");
  write("flat.yaml",
        "name: top\nfrozen: true\ntrain: {lr: 0.5, steps: 4}\nsizes: [5]\ncorpora: [{path: a}]\n");
  EXPECT_EQ(print_config(read("top.yaml")), print_config(read("flat.yaml")));
  EXPECT_EQ(read("top.yaml", {"train.lr=2"}).train.lr, 2) << "--set comes last";
  write("nothing.yaml", "extends: base.yaml\ntrain:\n");
  EXPECT_EQ(print_config(read("nothing.yaml")), print_config(read("base.yaml")));
}

TEST_F(ConfigFiles, ErrorsNameTheFileThatAKeyStandsIn) {
  write("base.yaml", "train: {stesp: 3}\nfrozen: 1\n");
  write("top.yaml", "extends: base.yaml\ntrain: {lr: fast}\n");
  EXPECT_THAT(refusal("top.yaml", {"frozen=true"}).what(),
              AllOf(HasSubstr("top.yaml"), HasSubstr("train.lr")));
  EXPECT_THAT(refusal("top.yaml", {"train.lr=1", "frozen=true"}).what(),
              AllOf(HasSubstr("base.yaml: unknown key train.stesp"), Not(HasSubstr("top.yaml"))));
  write("top.yaml", "extends: base.yaml\n");
  EXPECT_THAT(refusal("top.yaml").what(), HasSubstr("base.yaml: frozen must be"));
}

TEST_F(ConfigFiles, FilesThatCannotBeExtendedAreNamed) {
  write("a.yaml", "extends: b.yaml\n");
  write("b.yaml", "extends: ./a.yaml\n");
  EXPECT_EQ(refusal("a.yaml").kind(), ErrorKind::kUsage);
  EXPECT_THAT(refusal("a.yaml").what(), HasSubstr("a.yaml: is reached again"));
  write("c.yaml", "extends: nowhere.yaml\n");
  EXPECT_EQ(refusal("c.yaml").kind(), ErrorKind::kMissingInput);
  EXPECT_THAT(refusal("c.yaml").what(),
              AllOf(HasSubstr("c.yaml: extends: "), HasSubstr("nowhere.yaml")));
  write("d.yaml", "extends: [a.yaml]\n");
  EXPECT_THAT(refusal("d.yaml").what(),
              HasSubstr("extends must be the path of a file, got a list"));
  write("e.yaml", "train: {extends: a.yaml}\n");
  EXPECT_THAT(refusal("e.yaml").what(), HasSubstr("unknown key train.extends"));
  EXPECT_THAT(refusal("e.yaml", {"train.extends=", "extends=a.yaml"}).what(),
              HasSubstr("unknown key"));
}

TEST(Config, BrokenYamlNamesTheLine) {
  EXPECT_THAT(failure("train:\n  steps: [1, 2\n"), ::testing::HasSubstr("test.yaml: line"));
  EXPECT_THAT(failure("- a\n- b\n"), ::testing::HasSubstr("key: value"));
  EXPECT_THAT(failure(std::string(100000, '[')), ::testing::HasSubstr("deeper than"));
}

TEST(Config, AliasesThatStandForBillionsOfValuesAreRefused) {
  std::string yaml = "a0: &a0 [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]\n";
  for (int level = 1; level < 6; ++level) {
    const std::string name = "a" + std::to_string(level), below = "*a" + std::to_string(level - 1);
    yaml += name + ": &" + name + " [" + below;
    for (int i = 1; i < 10; ++i) yaml += ", " + below;
    yaml += "]\n";
  }
  try {
    ConfigTree::parse(yaml, "bomb.yaml");
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    EXPECT_NE(std::string(error.what()).find("bomb.yaml: more than"), std::string::npos);
  }
}

TEST(Config, PrintedConfigurationReadsBackEqual) {
  Example example;
  example.name = "a: \"quoted\"\nname";
  example.train.lr = 0.1 + 0.2;
  example.corpora = {{"one", 0.25}, {"two", 3}};
  const std::string yaml = print_config(example);
  const Example back = load(yaml);
  EXPECT_EQ(back.name, example.name);
  EXPECT_EQ(back.train.lr, example.train.lr);
  ASSERT_EQ(back.corpora.size(), 2u);
  EXPECT_EQ(back.corpora[1].path, "two");
  EXPECT_EQ(print_config(back), yaml);
}

TEST(DidYouMean, SuggestsForTypingErrorsOnly) {
  EXPECT_EQ(did_you_mean("pretrian", {"evaluate", "pretrain"}), "; did you mean 'pretrain'?");
  EXPECT_EQ(did_you_mean("zzz", {"evaluate", "pretrain"}), "");
  EXPECT_EQ(did_you_mean("zzz", {"evaluate", "pretrain"}, "; see --help"), "; see --help");
}

}  // namespace
}  // namespace biplane
