#include "biplane/core/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "biplane/core/error.h"

namespace biplane {
namespace {

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
