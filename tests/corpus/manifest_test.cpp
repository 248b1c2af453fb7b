#include "biplane/corpus/manifest.h"

#include <gmock/gmock.h>

#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "tests/test_data.h"

namespace biplane {
namespace {

using ::testing::HasSubstr;

Study full_study() {
  Study study;
  study.study_id = "s \"1\"";
  study.patient_id = "p1";
  study.sex = "F";
  study.age = 61.5;
  study.study_order = 2;
  study.prior_study_id = "s0";
  study.split = Split::kValidate;
  study.views = {{"images/a.png", ViewPosition::kAP, "L", 10, 20, "ab12"},
                 {"images/b.png", ViewPosition::kLateral, "", 30, 40, ""}};
  study.report = {"Effusion \xC3\xA4.", "None.", "Cough", "Effusion. None.", "en"};
  study.labels = {{"effusion", 1}, {"mass", 0}, {"nodule", -1}};
  study.labels_chexpert = {{"Pleural Effusion", 1}};
  study.label_source = "R2";
  study.visible_in = {{"effusion", {"lateral"}}, {"mass", {}}};
  study.doubtful_in = {{"mass", {"frontal"}}};
  study.said = {{"effusion", "uncertain"}, {"mass", "denied"}};
  study.boxes = {{1, "effusion", 1.5, 2, 3, 4.25, "R1", "small effusion"}};
  study.masks = {{0, "effusion", {0, 3, 197}, 10, 20}};
  study.counterfactual = {"s \"0\"", "mass"};
  study.source_file = "list.csv";
  study.source_row = 7;
  return study;
}

// The whole study compared through its JSON text, which names every field.
TEST(StudyJson, GivesEveryFieldBack) {
  const std::string line = study_to_json(full_study());
  const Study back = study_from_json(line);
  EXPECT_EQ(study_to_json(back), line);
  EXPECT_EQ(back.study_id, "s \"1\"");
  EXPECT_EQ(back.age, 61.5);
  EXPECT_EQ(back.split, Split::kValidate);
  ASSERT_EQ(back.views.size(), 2u);
  EXPECT_EQ(back.views[1].view, ViewPosition::kLateral);
  EXPECT_EQ(back.views[0].sha256, "ab12");
  EXPECT_EQ(back.labels.at("nodule"), -1);
  EXPECT_EQ(back.label_source, "R2");
  EXPECT_EQ(back.report.language, "en");
  EXPECT_EQ(back.visible_in.at("effusion"), std::vector<std::string>{"lateral"});
  EXPECT_EQ(back.doubtful_in, full_study().doubtful_in);
  EXPECT_EQ(back.said, full_study().said);
  EXPECT_EQ(back.boxes[0].h, 4.25);
  EXPECT_EQ(back.boxes[0].phrase, "small effusion");
  EXPECT_EQ(back.study_order, 2);
  EXPECT_EQ(back.prior_study_id, "s0");
  EXPECT_EQ(back.masks[0].rle, (std::vector<std::int64_t>{0, 3, 197}));
  ASSERT_TRUE(back.counterfactual.has_value());
  EXPECT_EQ(back.counterfactual->of, "s \"0\"");
  EXPECT_EQ(back.counterfactual->removed, "mass");
  EXPECT_EQ(back.source_row, 7);
}

TEST(StudyJson, TakesDefaultsNullsAndUnknownKeys) {
  const Study study = study_from_json(
      R"({"study_id": "a", "views": [{"path": "x.png"}], "labels": {"mass": null, "nodule": 1.0}, "later": {"key": 1}, "patient": null})");
  EXPECT_EQ(study.patient_id, "a");
  EXPECT_EQ(study.split, Split::kTrain);
  EXPECT_EQ(study.views[0].view, ViewPosition::kUnknown);
  EXPECT_EQ(study.labels, (std::map<std::string, int>{{"nodule", 1}}));
  EXPECT_TRUE(study.report.text.empty());
  EXPECT_FALSE(study.counterfactual.has_value());
}

TEST(StudyJson, NamesKeyAndValueOfABadOne) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"views": []})", "study_id"},
      {R"({"study_id": 5})", "study_id is 5"},
      {R"({"study_id": "a", "split": "dev"})", "split is 'dev'"},
      {R"({"study_id": "a", "views": [{"view": "PA"}]})", "views[0].path"},
      {R"({"study_id": "a", "views": [{"path": "x", "view": "LL"}]})", "views[0].view is 'LL'"},
      {R"({"study_id": "a", "views": {"path": "x"}})", "views is {"},
      {R"({"study_id": "a", "labels": {"mass": 2}})", "labels.mass is 2"},
      {R"({"study_id": "a", "said": {"mass": "maybe"}})", "said.mass is "},
      {R"({"study_id": "a", "boxes": [{"view": 0, "label": "m"}]})", "boxes[0].view is 0"},
      {R"({"study_id": "a", "views": [{"path": "f"}], "boxes": [{"label": "m", "y": 1, "w": 1, "h": 1}]})",
       "boxes[0].x is missing"},
      {R"({"study_id": "a", "views": [{"path": "f"}], "boxes": [{"label": "m", "x": 1, "y": 1, "w": null, "h": 1}]})",
       "boxes[0].w is missing"},
      {R"({"study_id": "a", "views": [{"path": "x"}], "masks": [{"view": 0, "label": "m", "rle": [1, -2]}]})",
       "masks[0].rle[1] is -2"},
      {R"({"study_id": "a", "views": [{"path": "x"}], "masks": [{"view": 0, "label": "m", "rows": 0, "cols": 0, "rle": []}]})",
       "masks[0].rows and .cols is 0 x 0"},
      {R"({"study_id": "a", "views": [{"path": "x"}], "masks": [{"view": 0, "label": "m", "rows": 2, "cols": 3, "rle": [5]}]})",
       "masks[0].rle is 5 pixels"},
      {R"({"study_id": "a", "views": [{"path": "x", "rows": 20, "cols": 30}], "masks": [{"view": 0, "label": "m", "rows": 3, "cols": 2, "rle": [6]}]})",
       "masks[0].rows and .cols is 3 x 2; it must be the shape of its image, 20 x 30"},
      {R"({"study_id": "a", "views": [{"path": "x", "rows": 20, "cols": 30}], "boxes": [{"label": "m", "x": 30, "y": 1, "w": 4, "h": 5}]})",
       "boxes[0] lies outside of its image, x"},
      {R"({"study_id": "a", "views": [{"path": "x", "rows": 20, "cols": 30}], "boxes": [{"label": "m", "x": 3, "y": -9, "w": 4, "h": 5}]})",
       "boxes[0] lies outside of its image, x"},
      {R"({"study_id": "a", "views": [{"path": "x\u0000y"}]})", "views[0].path"},
      {R"({"study_id": "a", "counterfactual": {"of": "b"}})", "counterfactual.removed"},
      {R"({"study_id": "a", "counterfactual": "b"})", "counterfactual is"},
      {R"({"study_id": "a", "format": 2})", "format is 2"},
      {R"({"study_id": "a", "patient": {"sex": "x"}})", "patient.sex is 'x'"},
      {R"(["study_id"])", "must be an object"},
      {R"({"study_id": "a")", "not valid JSON"},
  };
  for (const auto& [line, expected] : cases) {
    try {
      study_from_json(line);
      ADD_FAILURE() << "accepted: " << line;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kBadContent);
      EXPECT_THAT(error.what(), HasSubstr(expected)) << line;
    }
  }
}

Study with_box(const std::string& x, const std::string& y) {
  return study_from_json(
      R"({"study_id": "a", "views": [{"path": "i", "rows": 20, "cols": 30}], "boxes": [{"label": "m", "w": 4, "h": 5, "x": )" +
      x + R"(, "y": )" + y + "}]}");
}

TEST(Manifest, ABoxStandsOnItsImage) {
  for (const auto& [x, y] : {std::pair("-3.5", "1"), {"29.5", "1"}, {"1", "-4.5"}, {"1", "19.5"}})
    EXPECT_EQ(with_box(x, y).boxes.size(), 1U) << "over the edge: " << x << ", " << y;
  for (const auto& [x, y] : {std::pair("-4", "1"), {"30", "1"}, {"1", "-5"}, {"1", "20"}})
    EXPECT_THROW(with_box(x, y), Error) << "beside: " << x << ", " << y;
}

TEST(Manifest, AMaskHasTheShapeOfItsImageWhateverItsSize) {
  const auto with_mask = [](const std::string& image, const std::string& mask,
                            const std::string& pixels) {
    return study_from_json(R"({"study_id": "a", "views": [{"path": "i", )" + image +
                           R"(}], "masks": [{"label": "m", )" + mask + R"(, "rle": [)" + pixels +
                           "]}]}");
  };
  EXPECT_NO_THROW(
      with_mask(R"("rows": 3056, "cols": 2544)", R"("rows": 256, "cols": 213)", "54528"));
  EXPECT_NO_THROW(
      with_mask(R"("rows": 256, "cols": 213)", R"("rows": 3056, "cols": 2544)", "7774464"));
  EXPECT_NO_THROW(with_mask(R"("path2": "")", R"("rows": 2, "cols": 9)", "18")) << "not known";
  EXPECT_THROW(with_mask(R"("rows": 3056, "cols": 2544)", R"("rows": 256, "cols": 256)", "65536"),
               Error);
}

TEST(Manifest, IsWrittenWholeOrNotAtAll) {
  const testing::TemporaryFolder folder;
  const std::filesystem::path path = folder / "out/manifest.jsonl";
  {
    ManifestWriter writer(path);
    writer.write(full_study());
    EXPECT_FALSE(std::filesystem::exists(path));
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder / "out"));
  ManifestWriter writer(path);
  writer.write(full_study());
  writer.finish();
  EXPECT_EQ(writer.count(), 1);
  const Manifest manifest = Manifest::read(folder / "out");
  EXPECT_EQ(manifest.summaries().size(), 1u);
  EXPECT_EQ(manifest.path(), path);
  EXPECT_EQ(manifest.image_path(manifest.study(0).views[0]), folder / "out/images/a.png");
}

TEST(Manifest, TakesImagesFromTheRootThatIsGiven) {
  const testing::TemporaryFolder folder;
  write_file_atomically(folder / "manifest.jsonl",
                        R"({"study_id": "a", "views": [{"path": "x.png"}]})"
                        "\n");
  make_folder(folder / "images");
  write_file_atomically(folder / "images/x.png", "here");
  const Manifest manifest = Manifest::read(folder / "manifest.jsonl", folder / "images");
  EXPECT_EQ(manifest.image_path(manifest.study(0).views[0]), folder / "images/x.png");
  try {
    Manifest::read(folder / "manifest.jsonl", folder / "elsewhere");
    ADD_FAILURE() << "a root that is not there was accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kMissingInput);
    EXPECT_THAT(error.what(), HasSubstr("elsewhere"));
  }
}

void expect_refused(const std::string& content, ErrorKind kind, const std::string& message) {
  const testing::TemporaryFolder folder;
  write_file_atomically(folder / "manifest.jsonl", content);
  try {
    Manifest::read(folder / "manifest.jsonl");
    ADD_FAILURE() << "accepted: " << content;
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind);
    EXPECT_THAT(error.what(), HasSubstr(message));
    EXPECT_THAT(error.what(), HasSubstr("manifest.jsonl"));
  }
}

TEST(Manifest, NamesFileAndRowOfABadLine) {
  const std::string good = R"({"study_id": "a", "views": []})";
  expect_refused(good + "\n\r\n{\"study_id\": 3}\n", ErrorKind::kBadContent, "row 3");
  expect_refused(good + "\n" + good + "\n", ErrorKind::kBadContent,
                 "row 2: study_id 'a' is already in row 1");
  expect_refused("\n \n", ErrorKind::kBadContent, "no study");
  EXPECT_THROW(Manifest::read("does/not/exist.jsonl"), Error);
}

}  // namespace
}  // namespace biplane
