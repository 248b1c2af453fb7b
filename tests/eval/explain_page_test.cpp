#include "biplane/eval/explain_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "biplane/eval/explain_picture.h"

namespace biplane {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr int kCell = 20;  // pixels of a patch
constexpr int kGrey = 100;

// rows x columns patches; the second is discarded, the third weighs nothing, the others are of slot
// 0 but for the last.
ViewSelection make_view(const std::string& name, int rows, int columns) {
  ViewSelection view;
  view.view = name;
  view.grid_rows = rows;
  view.grid_columns = columns;
  view.image = make_grey(rows * kCell, columns * kCell);
  for (std::uint8_t& pixel : view.image.pixels) pixel = kGrey;
  for (int i = 0; i < rows * columns; ++i) {
    PatchSelection patch;
    patch.score = i == 1 ? -1.5 : 0.5;
    patch.kept = i != 1;
    patch.slot = patch.kept ? i == rows * columns - 1 : -1;
    patch.weight = i == 0 ? 0.1 : i == 2 || !patch.kept ? 0 : 0.01;
    view.patches.push_back(patch);
    (patch.kept ? view.kept : view.discarded) += 1;
  }
  return view;
}

MaskedPiece piece(const std::string& token, const std::string& guess) {
  return {token, "[MASK]", 0.25, {{guess, 0.5}, {"small", 0.2}, {"<b>", 0.1}}};
}

SelectionExplanation make_explanation() {
  SelectionExplanation explanation;
  explanation.study_id = "s<1>";
  explanation.views = {make_view("frontal", 2, 3), make_view("lateral", 7, 7)};
  explanation.slots = 11;
  explanation.self_term = "mean";
  explanation.text_term = "visible";
  explanation.rho = 0.8;
  explanation.report = "No <x> nodule left. Cut & gone";
  explanation.words = {{0, 2, WordClass::kNegation, {piece("no", "no")}},
                       {3, 6, WordClass::kOther, {}},
                       {7, 13, WordClass::kEntity, {piece("nod", "nod"), piece("##ule", "big")}},
                       {14, 18, WordClass::kSide, {}},
                       {18, 19, WordClass::kPunctuation, {}}};
  return explanation;
}

int grey_at(const RgbImage& image, int y, int x) {
  const std::uint8_t* pixel = &image.pixels[3 * static_cast<std::size_t>(y * image.cols + x)];
  return pixel[0] == pixel[1] && pixel[1] == pixel[2] ? pixel[0] : -1;
}

TEST(ExplainPicture, DiscardedPatchesAreDarkAndKeptOnesTintedByWeight) {
  const ViewSelection view = make_view("frontal", 2, 3);
  const RgbImage image = selection_overlay(view, {0.1, 0.2});
  ASSERT_EQ(image.rows, 2 * kCell);
  ASSERT_EQ(image.cols, 3 * kCell);
  EXPECT_EQ(grey_at(image, 9, 9), -1);                 // the heaviest: coloured
  EXPECT_LT(grey_at(image, 9, kCell + 9), kGrey / 2);  // discarded
  EXPECT_EQ(grey_at(image, 9, 2 * kCell + 9), kGrey);  // kept without weight: as it was
}

TEST(ExplainPicture, LinesPartPatchesOfDifferentSlotsOnly) {
  ViewSelection view = make_view("frontal", 1, 4);
  for (PatchSelection& patch : view.patches) {
    patch.kept = true;
    patch.weight = 0;
    patch.slot = 3;
  }
  view.patches[3].slot = 5;
  const RgbImage image = selection_overlay(view, {0.1, 0.2});
  EXPECT_EQ(grey_at(image, 9, kCell), kGrey);
  EXPECT_EQ(grey_at(image, 9, 2 * kCell), kGrey);
  EXPECT_EQ(grey_at(image, 9, 3 * kCell), -1);  // the colour of the line
}

TEST(ExplainPicture, HoldsEveryViewWholeWhateverItsGrid) {
  const SelectionExplanation both = make_explanation();
  const RgbImage picture = selection_picture(both);
  EXPECT_GE(picture.cols, (3 + 7) * kCell);
  EXPECT_GE(picture.rows, 7 * kCell);
  SelectionExplanation one = both;
  one.views.pop_back();
  EXPECT_LT(selection_picture(one).cols, picture.cols - 7 * kCell + 1);
  const auto holds = [](const RgbImage& large, const RgbImage& small) {
    for (int top = 0; top + small.rows <= large.rows; ++top) {
      for (int left = 0; left + small.cols <= large.cols; ++left) {
        bool same = true;
        for (int y = 0; same && y < small.rows; ++y)
          same = std::equal(small.pixels.begin() + 3L * y * small.cols,
                            small.pixels.begin() + 3L * (y + 1) * small.cols,
                            large.pixels.begin() + 3L * ((top + y) * large.cols + left));
        if (same) return true;
      }
    }
    return false;
  };
  for (const ViewSelection& view : both.views)
    EXPECT_TRUE(holds(picture, selection_overlay(view, weight_scale(both)))) << view.view;
}

TEST(ExplainPicture, TheScaleIsThatOfTheHeaviestPatchOfBothViews) {
  SelectionExplanation explanation = make_explanation();
  explanation.views[1].patches[4].weight = 0.3;
  const WeightScale scale = weight_scale(explanation);
  EXPECT_DOUBLE_EQ(scale.most, 0.3);
  EXPECT_NEAR(scale.most_shares(), 0.3 * (5 + 48), 1e-9);
}

TEST(ExplainPage, MarksMaskedWordsByClassAndEscapesEverything) {
  const std::string html = render_explanation(make_explanation(), "biplane 1");
  EXPECT_THAT(html, HasSubstr("<mark class=\"w-negation\" title=\"negation, read as no\">No</mark>"
                              " &lt;x&gt; <mark class=\"w-entity missed\" title=\"entity, read as "
                              "nod big\">nodule</mark> left."));
  EXPECT_THAT(html, HasSubstr("> Cut &amp; gone</s>"));
  EXPECT_THAT(html, HasSubstr("2 of 5 words are hidden"));
  EXPECT_THAT(html, HasSubstr("1 of 2 masked words are read rightly"));
  EXPECT_THAT(html, HasSubstr("study s&lt;1&gt;"));
  EXPECT_THAT(html, HasSubstr("its cosine with the mean patch of its view plus its cosine with the "
                              "mean of the visible words"));
  EXPECT_THAT(html, HasSubstr("row 0, column 1: score \xE2\x88\x92"
                              "1.50, discarded"));
  EXPECT_THAT(html, Not(HasSubstr("<x>")));
  EXPECT_THAT(html, Not(HasSubstr("<b>\xC2")));
  EXPECT_THAT(html, Not(HasSubstr("://")));
  EXPECT_THAT(html, Not(HasSubstr(" nan")));
}

TEST(ExplainPage, SaysWhereMaskedWordsWereNotTrained) {
  SelectionExplanation explanation = make_explanation();
  EXPECT_THAT(render_explanation(explanation, ""), Not(HasSubstr("were not trained")));
  explanation.mlm_trained = false;
  EXPECT_THAT(render_explanation(explanation, ""), HasSubstr("Masked words were not trained"));
}

TEST(ExplainPage, AReportWithoutMaskedWordsHasNoTableOfThem) {
  SelectionExplanation explanation = make_explanation();
  for (WordSelection& word : explanation.words) word.pieces.clear();
  explanation.views.pop_back();
  const std::string html = render_explanation(explanation, "");
  EXPECT_THAT(html, HasSubstr("0 of 5 words are hidden"));
  EXPECT_THAT(html, Not(HasSubstr("id=\"predictions\"")));
  EXPECT_THAT(html, Not(HasSubstr("<mark")));
  EXPECT_THAT(html, Not(HasSubstr("<b>lateral")));
}

}  // namespace
}  // namespace biplane
