#include "biplane/eval/suite_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "biplane/formats/csv.h"
#include "tests/test_data.h"

namespace biplane {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kHead = "corpus,split,protocol,metric,fraction,method,value,source\n";

std::vector<ReferenceFigure> figures_of(const std::string& lines) {
  const testing::TemporaryFolder folder;
  write_file_atomically(folder / "r.csv", kHead + lines);
  return read_reference_figures(folder / "r.csv");
}

TEST(ReferenceFigures, ArePercentWithASource) {
  const auto figures =
      figures_of("rsna,as published,zero_shot,auroc,,A method,80.7,\"A, table 1\"\n");
  ASSERT_EQ(figures.size(), 1U);
  EXPECT_DOUBLE_EQ(figures[0].value, 0.807);
  EXPECT_EQ(figures[0].source, "A, table 1");
  EXPECT_THROW(figures_of("rsna,s,p,m,,A,80.7,\n"), Error) << "no source";
  EXPECT_THROW(figures_of("rsna,s,p,m,,A,much,B\n"), Error);
  ReferenceFigure figure = figures[0];
  figure.corpus = "padchest (seen classes)";
  EXPECT_TRUE(is_of_corpus(figure, "padchest"));
  EXPECT_FALSE(is_of_corpus(figure, "pad"));
}

TEST(ReferenceFigures, OfARetrievalStandWhereOneIsAmongAsManyCandidates) {
  const testing::TemporaryFolder folder;
  write_file_atomically(folder / "r.csv",
                        "corpus,split,protocol,metric,fraction,method,value,source,pool\n"
                        "openi,x,retrieval,recall_at_1,,A,10,P,200\n"
                        "openi,x,retrieval,recall_at_1,,B,20,P,1000\n"
                        "openi,x,retrieval,recall_at_1,,C,30,P,\n"
                        "nowhere,x,zero_shot,auroc,,D,40,P,\n");
  const std::vector<ReferenceFigure> figures = read_reference_figures(folder / "r.csv");
  EXPECT_EQ(figures[0].pool, 200);
  EXPECT_EQ(figures[2].pool, 0);
  ResultRow row;
  row.task = "retrieval";
  row.corpus = "openi";
  row.metric = "recall_at_1";
  row.views = "both";
  row.value = 0.5;
  row.pool = 200;
  const std::vector<ResultRow> rows{row};
  const ResultOrigin origin;
  const SuiteContent content{"m", rows, figures, {}, origin};
  const std::string csv = suite_csv(content);
  EXPECT_THAT(csv, HasSubstr(",A,P,"));
  EXPECT_THAT(csv, Not(HasSubstr(",B,P,")));
  EXPECT_THAT(csv, Not(HasSubstr(",C,P,")));
  EXPECT_THAT(reference_notes(content),
              ::testing::ElementsAre(HasSubstr("1 published figures are of corpora"),
                                     HasSubstr("2 published retrievals")));
}

TEST(ReferenceFigures, TheFileOfTheDesignIsRead) {
  BIPLANE_NEEDS_TEST_DATA("published.csv");
  const auto figures = read_reference_figures(testing::test_data("published.csv"));
  EXPECT_FALSE(figures.empty());
  for (const ReferenceFigure& figure : figures) {
    EXPECT_GT(figure.value, 0.0) << figure.method;
    EXPECT_LT(figure.value, 1.0) << figure.method;
  }
}

struct Content {
  Content() {
    ResultRow row;
    row.task = "zero_shot";
    row.corpus = "rsna";
    row.split = "test";
    row.views = "frontal";
    row.metric = "auroc";
    row.label = "macro";
    row.value = 0.75;
    row.interval = {0.7, 0.8, 0};
    row.n = 30;
    row.exposed = "full";
    rows.push_back(row);
    row.label = "Lung Opacity";
    row.value = 0.123;
    rows.push_back(row);
  }
  SuiteContent content() const { return {"my <model>", rows, references, notes, origin}; }
  std::vector<ResultRow> rows;
  std::vector<ReferenceFigure> references = figures_of(
      "rsna,lists & more,zero_shot,auroc,,Theirs_1,80.7,\"Paper, 50%\"\n"
      "openi,x,zero_shot,auroc,,Other,11.1,Elsewhere\n");
  std::vector<std::string> notes{"openi: skipped <here>"};
  ResultOrigin origin;
};

TEST(SuitePage, ShowsMainFiguresAndMarksPublishedOnes) {
  const Content suite;
  const std::string page = suite_page(suite.content());
  EXPECT_THAT(page, HasSubstr("0.750"));
  EXPECT_THAT(page, HasSubstr("full"));
  EXPECT_THAT(page, Not(HasSubstr("0.123"))) << "a single finding";
  EXPECT_THAT(page, HasSubstr("published: rsna, split: lists &amp; more. Paper, 50%"));
  EXPECT_THAT(page, HasSubstr("0.807"));
  EXPECT_THAT(page, Not(HasSubstr("Elsewhere"))) << "no row of that corpus";
  EXPECT_THAT(page, HasSubstr("skipped &lt;here&gt;"));
  EXPECT_THAT(page, Not(HasSubstr("my <model>")));
}

TEST(SuitePage, HasAColumnForEveryView) {
  Content suite;
  ResultRow row = suite.rows[0];
  row.views = "both";
  row.value = 0.875;
  suite.rows.push_back(row);
  row.corpus = "openi";
  row.views = "lateral";
  row.value = 0.625;
  suite.rows.push_back(row);
  const std::string table = suite_latex(suite.content());
  EXPECT_THAT(table, HasSubstr("Figure & frontal & lateral & both \\\\\n"));
  EXPECT_THAT(
      table,
      HasSubstr("auroc (exposed: full) & 0.750 [0.700, 0.800] & & 0.875 [0.700, 0.800] \\\\\n"));
  EXPECT_THAT(table, HasSubstr("auroc (exposed: full) & & 0.625 [0.700, 0.800] & \\\\\n"));
  const std::string page = suite_page(suite.content());
  EXPECT_LT(page.find("0.750"), page.find("0.875"));
  EXPECT_THAT(page, HasSubstr("colspan=\"3\">Theirs_1 0.807"));
}

TEST(SuitePage, TellsHeadsOfOneTaskApart) {
  Content suite;
  ResultRow row = suite.rows[0];
  row.task = "linear";
  row.protocol = "linear_rsna";
  row.fraction = 1;
  row.value = 0.875;
  suite.rows.push_back(row);
  row.fraction = 0.01;
  row.value = 0.625;
  suite.rows.push_back(row);
  row.protocol = "mgca_linear_rsna";
  row.value = 0.5;
  suite.rows.push_back(row);
  const std::string page = suite_page(suite.content()), table = suite_latex(suite.content());
  EXPECT_THAT(page, HasSubstr("linear <small>linear_rsna</small>"));
  EXPECT_THAT(page, HasSubstr("linear <small>linear_rsna, 1 % of the labels</small>"));
  EXPECT_THAT(page, HasSubstr("linear <small>mgca_linear_rsna, 1 % of the labels</small>"));
  for (const char* value : {"0.875", "0.625", "0.500"}) {
    EXPECT_THAT(page, HasSubstr(value));
    EXPECT_THAT(table, HasSubstr(value));
  }
  EXPECT_THAT(table, HasSubstr("rsna & linear, linear\\_rsna, 1 \\% of the labels & auroc"));
}

TEST(SuiteCsv, HasEveryRowAndTellsOursFromPublished) {
  const testing::TemporaryFolder folder;
  const Content suite;
  write_file_atomically(folder / "r.csv", suite_csv(suite.content()));
  CsvReader csv(folder / "r.csv");
  const std::size_t kind = csv.column("kind"), value = csv.column("value"),
                    method = csv.column("method"), source = csv.column("source");
  std::vector<std::vector<std::string>> rows;
  for (CsvRow row; csv.next(row);) {
    EXPECT_TRUE(row.problem.empty()) << row.problem;
    rows.push_back({row.fields[kind], row.fields[value], row.fields[method], row.fields[source]});
  }
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[0], (std::vector<std::string>{"measured", "0.75", "my <model>", ""}));
  EXPECT_EQ(rows[2], (std::vector<std::string>{"published", "0.807", "Theirs_1", "Paper, 50%"}));
}

TEST(SuiteLatex, EscapesAndFootnotesSources) {
  const Content suite;
  const std::string table = suite_latex(suite.content());
  EXPECT_THAT(
      table, HasSubstr("rsna & zero\\_shot & auroc (exposed: full) & 0.750 [0.700, 0.800] \\\\\n"));
  EXPECT_THAT(table, HasSubstr("Theirs\\_1"));
  EXPECT_THAT(table, HasSubstr("lists \\& more"));
  EXPECT_THAT(table, HasSubstr("$^{1}$ Paper, 50\\%"));
}

TEST(ResultRows, ComeBackFromTheirLine) {
  Content suite;
  ResultRow row = suite.rows[0];
  row.k = 5;
  row.pool = 1000;
  row.operating_point = "youden";
  row.threshold = 0.25;
  row.subgroup = "sex=F";
  row.positives = 3;
  const std::string line = result_to_json(row, {});
  EXPECT_EQ(result_to_json(result_from_json(line), {}), line);
  EXPECT_THAT(line, HasSubstr("\"exposed\":\"full\""));
  EXPECT_THROW(result_from_json("[1]"), Error);
}

}  // namespace
}  // namespace biplane
