// Tasks that stand on the scores of a model: calibration, subgroups, minimal pairs, and the suite.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <sstream>

#include "biplane/core/error.h"
#include "biplane/eval/evaluate.h"
#include "biplane/eval/minimal_pairs.h"
#include "biplane/eval/origin.h"
#include "biplane/eval/prompt_choice.h"
#include "biplane/eval/score_evaluators.h"
#include "biplane/eval/suite.h"
#include "biplane/model/losses.h"
#include "tests/eval/evaluation_fixture.h"

namespace biplane {
namespace {

using testing::find;
using testing::Fixture;
using ::testing::HasSubstr;
using testing::SmallEvaluation;

int number_of(const Study& study) { return std::stoi(study.study_id.substr(1)) - 100; }

EvaluateOptions options_for(const SmallEvaluation& small, std::vector<std::string> tasks) {
  EvaluateOptions options;
  options.model = small.root() / "run";
  options.manifest = small.manifest_path();
  options.out = small.out();
  options.tasks = std::move(tasks);
  options.pool = 10;
  options.bootstrap = 20;
  options.threads = 2;
  options.code = "test 1";
  options.corpus = "small";
  return options;
}

// The last eight of 24 studies (of four patients) are of the split validate.
void hold_out(Study& study) {
  if (number_of(study) >= 16) study.split = Split::kValidate;
  study.sex = number_of(study) % 2 == 0 ? "F" : "M";
}

TEST(Scores, DoNotDependOnTheBatch) {
  const SmallEvaluation small(9, 2);
  Fixture one(small), many(small);
  one.engine = Engine::open(small.model_path(), {.threads = 1, .batch = 1});
  many.engine = Engine::open(small.model_path(), {.threads = 3, .batch = 7});
  for (Fixture* setup : {&one, &many})
    setup->features = setup->engine.encode(setup->manifest, setup->features.studies);
  const auto a = all_predictions(one.input()), b = all_predictions(many.input());
  ASSERT_EQ(a.size(), 1U);
  for (std::size_t c = 0; c < a[0].columns.size(); ++c)
    for (std::size_t i = 0; i < a[0].columns[c].probability.size(); ++i)
      EXPECT_NEAR(a[0].columns[c].probability[i], b[0].columns[c].probability[i], 1e-5);
}

TEST(Calibration, ThresholdsAreThoseOfTheStudiesThatChoose) {
  const SmallEvaluation small(24, 0, hold_out);
  EvaluateOptions options = options_for(small, {"calibration"});
  options.studies.split = "test";
  const EvaluateResult result = evaluate(options);
  const Fixture all(small);
  const HeadPredictions scores = all_predictions(all.input()).front();
  const PredictedColumn& frontal = scores.columns.front();
  ASSERT_EQ(frontal.views, "frontal");
  double lowest = 2;  // score of a study with a nodule, of those that choose
  for (std::size_t row = 16; row < 24; ++row)
    if (frontal.truth[row * scores.classes.size()] == 1)
      lowest = std::min(lowest, frontal.probability[row * scores.classes.size()]);
  const auto row = std::find_if(result.rows.begin(), result.rows.end(), [](const ResultRow& r) {
    return r.metric == "sensitivity" && r.operating_point == "sensitivity>=0.9" &&
           r.views == "frontal" && r.label == "nodule";
  });
  ASSERT_NE(row, result.rows.end());
  EXPECT_NEAR(*row->threshold, lowest, 1e-5);
  EXPECT_EQ(row->n, 6) << "of the 16 test studies";
  EXPECT_NE(read_file(result.report_file).find("Calibration and operating points"),
            std::string::npos);
}

TEST(Calibration, TheTestCannotBeNamedAndMeasuredPatientsChooseNothing) {
  const SmallEvaluation small(24, 0, hold_out);
  EvaluateOptions options = options_for(small, {"calibration"});
  for (const char* split : {"test", "all", ""}) {
    options.choose_on = split;
    try {
      evaluate(options);
      FAIL() << split;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUsage);
      EXPECT_THAT(error.what(), HasSubstr("never on the test"));
    }
  }
  options.choose_on = "validate";
  options.studies.split = "all";
  const EvaluateResult result = evaluate(options);
  EXPECT_TRUE(result.rows.empty());
  EXPECT_THAT(result.notes, ::testing::Contains(HasSubstr("their patients are measured")));
}

TEST(Calibration, PatientsOfUnrelatedCorporaChooseWhateverTheirNames) {
  const SmallEvaluation small(24, 0, hold_out);
  EvaluateOptions options = options_for(small, {"calibration"});
  options.choose_manifest = small.root() / "vindr";
  std::filesystem::create_directories(options.choose_manifest);
  for (const auto& entry : std::filesystem::directory_iterator(small.root()))
    if (entry.is_regular_file())
      std::filesystem::copy(entry.path(), options.choose_manifest / entry.path().filename());
  options.studies.split = "all";
  options.corpus = "mimic";
  const EvaluateResult chosen = evaluate(options);
  EXPECT_THAT(chosen.rows, ::testing::Not(::testing::IsEmpty()));
  EXPECT_THAT(chosen.notes,
              ::testing::Not(::testing::Contains(HasSubstr("their patients are measured"))));
  options.corpus = "small";  // not known: equal names are taken for the same people
  EXPECT_THAT(evaluate(options).notes,
              ::testing::Contains(HasSubstr("their patients are measured")));
}

TEST(PromptChoice, ThoseMadeForTheCorpusWinOverTheModelsThatKnowMoreLabels) {
  const SmallEvaluation small(2, 0, [](Study& study) { study.labels["Hernia"] = 1; });
  const Manifest manifest = Manifest::read(small.manifest_path());
  const auto chosen = [&](const std::string& corpus) {
    return choose_prompts({{}, {small.root() / "small.yaml"}, corpus}, manifest)->name;
  };
  EXPECT_EQ(chosen("nih"), "nih");
  EXPECT_EQ(chosen("openi"), "small");
}

TEST(Subgroups, AreRowsOfTheirTask) {
  const SmallEvaluation small(24, 0, hold_out);
  EvaluateOptions options = options_for(small, {"zero_shot", "subgroups"});
  options.studies.split = "all";
  options.smallest_subgroup = 10;
  const EvaluateResult result = evaluate(options);
  const auto of = [&](const std::string& subgroup) {
    return std::find_if(result.rows.begin(), result.rows.end(), [&](const ResultRow& row) {
      return row.subgroup == subgroup && row.views == "both" && row.label == "fracture";
    });
  };
  ASSERT_NE(of("sex=F"), result.rows.end());
  EXPECT_EQ(of("sex=F")->task, "zero_shot");
  EXPECT_EQ(of("sex=F")->n, 12);
  EXPECT_FALSE(of("sex=M")->value) << "fractures stand at multiples of four";
  for (const std::vector<std::string>& fields :
       {std::vector<std::string>{"height"}, {"sex", "age", "sex"}}) {
    options.subgroups = fields;
    EXPECT_THROW(evaluate(options), Error);
  }
}

TEST(Exposure, StandsInEveryRow) {
  const SmallEvaluation small(12);
  EvaluateOptions options = options_for(small, {"zero_shot", "retrieval"});
  for (const ResultRow& row : evaluate(options).rows) {
    EXPECT_EQ(row.exposed, "train") << "the model was trained on a corpus of this name";
    EXPECT_EQ(row.pool > 0, row.task == "retrieval");
  }
  options.corpus = "another";
  for (const ResultRow& row : evaluate(options).rows) EXPECT_EQ(row.exposed, "");
}

TEST(MinimalPairs, CompareAReportWithItsFlip) {
  const SmallEvaluation small(8);
  std::string lines;
  for (const Study& study : small.studies())
    lines += "{\"study_id\":\"" + study.study_id + "\",\"kind\":\"" +
             (number_of(study) < 5 ? "side" : "negation") +
             "\",\"change\":\"stated to denied\",\"text\":\"No nodule. No fracture.\"}\n";
  lines += "{\"study_id\":\"of another split\",\"kind\":\"side\",\"change\":\"\",\"text\":\"x\"}\n";
  write_file_atomically(small.root() / "minimal_pairs.jsonl", lines);
  const Fixture setup(small);
  EvaluationOutput output;
  MinimalPairEvaluator().run(setup.input(), output);
  const torch::Tensor images = unit(setup.features.frontal);
  const torch::Tensor own = (images * unit(setup.features.text)).sum(1);
  const torch::Tensor flip =
      images.matmul(unit(setup.engine.encode_texts({"No nodule. No fracture."}))[0]);
  const torch::Tensor right = (own > flip).to(torch::kFloat64);
  const ResultRow* side = find(output.rows, "accuracy", "frontal", "side");
  ASSERT_NE(side, nullptr);
  EXPECT_NEAR(*side->value, right.slice(0, 0, 5).mean().item<double>(), 1e-12);
  EXPECT_EQ(side->n, 5);
  EXPECT_EQ(side->candidates, "truth");
  const ResultRow* negation = find(output.rows, "accuracy", "frontal", "negation");
  EXPECT_NEAR(*negation->value, right.slice(0, 5, 8).mean().item<double>(), 1e-12);
  EXPECT_NEAR(*find(output.rows, "accuracy", "frontal", "macro")->value,
              (*side->value + *negation->value) / 2, 1e-12);
  write_file_atomically(small.root() / "minimal_pairs.jsonl", lines + "{\"study_id\":3}\n");
  EXPECT_THROW(MinimalPairEvaluator().run(setup.input(), output), Error);
  write_file_atomically(small.root() / "minimal_pairs.jsonl",
                        lines + lines.substr(0, lines.find('\n') + 1));
  EXPECT_THROW(MinimalPairEvaluator().run(setup.input(), output), Error) << "counted twice";
}

TEST(MinimalPairs, AreMadeByRulesWhereTheTruthIsNotTold) {
  const SmallEvaluation small(8);
  const Fixture setup(small);
  EvaluationOutput output;
  MinimalPairEvaluator().run(setup.input(), output);
  const ResultRow* negation = find(output.rows, "accuracy", "both", "negation");
  ASSERT_NE(negation, nullptr);
  EXPECT_EQ(negation->candidates, "rules");
  EXPECT_GT(negation->n, 0);
}

std::set<std::string> lines_of(const std::filesystem::path& file) {
  std::istringstream text(read_file(file));
  std::set<std::string> lines;
  for (std::string line; std::getline(text, line);) lines.insert(line);
  return lines;
}

TEST(Suite, GoesOnWhereItWasInterrupted) {
  const SmallEvaluation small(12), other(10);
  SuiteOptions options{
      options_for(small, {"zero_shot", "retrieval"}), {small.root(), other.root()}, {}};
  options.evaluate.corpus.clear();
  const SuiteResult first = run_suite(options);
  EXPECT_EQ(first.measured, 4);
  const std::string results = read_file(first.results_file), page = read_file(first.report_file);
  const auto lines = lines_of(first.results_file);
  EXPECT_EQ(lines.size(), first.rows.size());

  const SuiteResult again = run_suite(options);
  EXPECT_EQ(again.measured, 0);
  EXPECT_EQ(again.kept, 4);
  EXPECT_EQ(read_file(first.results_file), results) << "nothing is appended twice";
  EXPECT_EQ(read_file(first.report_file), page);

  // Killed after a part was finished and half of it was appended, before the next one was.
  std::filesystem::path last;
  for (const auto& part : std::filesystem::directory_iterator(options.evaluate.out / "parts"))
    if (part.path().filename().string().starts_with(other.root().filename().string() +
                                                    "-retrieval"))
      last = part.path();
  ASSERT_FALSE(last.empty());
  std::filesystem::remove(last);
  write_file_atomically(first.results_file, results.substr(0, results.size() / 2));
  const SuiteResult resumed = run_suite(options);
  EXPECT_EQ(resumed.measured, 1);
  EXPECT_EQ(lines_of(first.results_file), lines);
  EXPECT_EQ(read_file(first.report_file), page);

  options.evaluate.bootstrap = 21;
  EXPECT_EQ(run_suite(options).measured, 4) << "another protocol";
}

TEST(Suite, RefusesTwoFoldersOfOneName) {
  const SmallEvaluation small(6);
  SuiteOptions options{options_for(small, {"zero_shot"}), {small.root(), small.root()}, {}};
  EXPECT_THROW(run_suite(options), Error);
  options.manifests.clear();
  EXPECT_THROW(run_suite(options), Error);
}

TEST(Suite, RefusesAModelToCompareWith) {
  const SmallEvaluation small(6);
  SuiteOptions options{options_for(small, {"zero_shot"}), {small.root()}};
  options.evaluate.against = options.evaluate.model;
  try {
    run_suite(options);
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("--against"));
  }
}

TEST(Suite, AHeadThatWasStoppedGoesOnAndIsAskedForOnce) {
  const SmallEvaluation small(6);
  SuiteOptions options{options_for(small, {"zero_shot"}), {small.root()}};
  options.evaluate.corpus.clear();
  const SuiteResult without = run_suite(options);
  ASSERT_FALSE(without.lines.empty());
  std::filesystem::remove(without.report_file);
  bool stop = true;
  std::set<std::string> folders;  // of each training
  SuiteHead head;
  head.corpus = corpus_of(small.root());
  head.protocol = "own";
  head.settings = "settings";
  head.check = [](const EvaluateOptions&) {};
  head.run = [&](const EvaluateOptions& given,
                 const std::filesystem::path& out) -> std::optional<SuitePart> {
    EXPECT_EQ(given.manifest, small.root());
    folders.insert(out.string());
    if (stop) return std::nullopt;
    return SuitePart{{"a note"}, {without.lines.front()}};
  };
  options.heads = {head};
  const SuiteResult stopped = run_suite(options);
  EXPECT_TRUE(stopped.stopped);
  EXPECT_EQ(stopped.measured, 0);
  EXPECT_FALSE(std::filesystem::exists(without.report_file));
  stop = false;
  const SuiteResult done = run_suite(options);
  EXPECT_FALSE(done.stopped);
  EXPECT_EQ(done.measured, 1);
  EXPECT_EQ(done.lines.back(), without.lines.front());
  EXPECT_EQ(done.notes.back(), corpus_of(small.root()) + ", own: a note");
  EXPECT_TRUE(std::filesystem::exists(without.report_file));
  EXPECT_EQ(folders.size(), 1U) << "the same folder, so that it goes on";
  EXPECT_EQ(run_suite(options).measured, 0);
  options.heads.front().settings = "others";
  EXPECT_EQ(run_suite(options).measured, 1);
  EXPECT_EQ(folders.size(), 2U);
  options.heads.front().corpus = "elsewhere";
  EXPECT_THROW(run_suite(options), Error);
}

TEST(Suite, AHeadThatFailsKeepsTheOthersFromNothing) {
  const SmallEvaluation small(6);
  SuiteOptions options{options_for(small, {"zero_shot"}), {small.root()}};
  options.evaluate.corpus.clear();
  const SuiteResult without = run_suite(options);
  std::filesystem::remove(without.report_file);
  SuiteHead head;
  head.corpus = corpus_of(small.root());
  head.check = [](const EvaluateOptions&) {};
  int asked = 0;
  for (const char* name : {"bad", "good"}) {
    head.protocol = name;
    head.run = [&, bad = std::string(name) == "bad"](
                   const EvaluateOptions&,
                   const std::filesystem::path&) -> std::optional<SuitePart> {
      asked += bad;
      if (bad) throw std::bad_alloc();
      return SuitePart{{}, {without.lines.front()}};
    };
    options.heads.push_back(head);
  }
  for (int time = 1; time <= 2; ++time) {
    const SuiteResult result = run_suite(options);
    EXPECT_EQ(asked, time) << "the one that failed is tried again";
    ASSERT_TRUE(result.failure.has_value());
    EXPECT_EQ(result.failure->kind(), ErrorKind::kFailure);
    EXPECT_THAT(result.failure->what(), HasSubstr("=bad: "));
    EXPECT_THAT(result.notes, Contains(HasSubstr("failed: ")));
    EXPECT_FALSE(result.stopped);
    EXPECT_EQ(result.lines.back(), without.lines.front()) << "of the good one";
    EXPECT_TRUE(std::filesystem::exists(result.report_file));
  }
  options.heads.front().check = [](const EvaluateOptions&) {
    throw Error(ErrorKind::kUsage, "cannot be");
  };
  EXPECT_THROW(run_suite(options), Error);
  EXPECT_EQ(asked, 2) << "refused before anything is trained";
}

}  // namespace
}  // namespace biplane
