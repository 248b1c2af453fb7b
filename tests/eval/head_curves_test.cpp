#include "biplane/eval/head_curves.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "biplane/eval/report_task_sections.h"

namespace biplane {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

HeadPredictions multiclass() {
  HeadPredictions told;
  told.task = "linear";
  told.kind = "multiclass";
  told.classes = {"normal", "pneumonia"};
  PredictedColumn column;
  column.views = "frontal";
  column.studies = {"a", "b", "c", "d"};
  column.patients = column.studies;
  column.probability = {0.9, 0.1, 0.4, 0.6, 0.2, 0.8, 0.7, 0.3};
  const double unknown = std::nan("");
  column.truth = {1, 0, 1, 0, 0, 1, unknown, unknown};
  told.columns = {column, column};
  told.columns[1].population = "all";
  return told;
}

TEST(HeadCurves, StudiesStandByTrueAndToldClass) {
  const std::vector<ConfusionTable> tables = head_confusions(multiclass());
  ASSERT_EQ(tables.size(), 1U) << "a column over all studies has a twin";
  EXPECT_THAT(tables[0].studies, ElementsAre(ElementsAre(1, 1), ElementsAre(0, 1)));
  const std::string html = confusion_section(tables);
  EXPECT_THAT(html, HasSubstr("neumonia</th><td>0</td><td>1</td>"));
  EXPECT_EQ(confusion_section({}), "");
  HeadPredictions multilabel = multiclass();
  multilabel.kind = "multilabel";
  EXPECT_TRUE(head_confusions(multilabel).empty());
}

TEST(HeadCurves, EveryClassHasASeriesAColumn) {
  HeadPredictions told = multiclass();
  const HeadCurves curves = head_curves(told);
  ASSERT_EQ(curves.classes.size(), 2U);
  EXPECT_EQ(curves.classes[1].finding, "pneumonia");
  EXPECT_EQ(curves.classes[1].positives, 1);
  EXPECT_EQ(curves.classes[1].studies, 3);
  ASSERT_EQ(curves.classes[1].roc.size(), 1U);
  EXPECT_EQ(curves.classes[1].roc[0].name, "frontal");
  EXPECT_EQ(curves.classes[1].roc[0].points.size(), 3U) << "the one positive ranks first";
  told.columns[0].note = "means nothing";
  EXPECT_EQ(head_curves(told).classes[1].roc.size(), 1U) << "that over all studies stands in";
}

}  // namespace
}  // namespace biplane
