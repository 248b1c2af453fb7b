#include "biplane/corpus/relations.h"

#include <gmock/gmock.h>

#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "biplane/corpus/exposure.h"
#include "biplane/corpus/funnel.h"
#include "biplane/corpus/named_manifest.h"
#include "tests/test_data.h"

namespace biplane {
namespace {

TEST(Relations, OfThePublicCorpora) {
  const CorpusRelations corpora = CorpusRelations::read("share/corpora/relations.yaml");
  EXPECT_EQ(corpora.name_space("ms-cxr"), corpora.name_space("mimic"));
  EXPECT_EQ(corpora.name_space("mimic-pairs"), corpora.name_space("ms-cxr"));
  EXPECT_EQ(corpora.name_space("chexpert-5x200"), corpora.name_space("chexpert"));
  EXPECT_NE(corpora.name_space("chexpert"), corpora.name_space("mimic"));
  EXPECT_FALSE(corpora.share_patients("chexpert", "mimic"));

  EXPECT_TRUE(corpora.share_patients("rsna", "nih"));
  EXPECT_NE(corpora.name_space("rsna"), corpora.name_space("nih"));
  EXPECT_TRUE(corpora.share_patients("covidx", "siim"));  // both by way of NIH
  EXPECT_FALSE(corpora.share_patients("vindr", "nih"));
  EXPECT_TRUE(corpora.share_patients("vindr", "vindr"));
}

TEST(Relations, OfAnUnknownCorpusAreNone) {
  const CorpusRelations corpora = CorpusRelations::read("share/corpora/relations.yaml");
  EXPECT_FALSE(corpora.knows("ours"));
  EXPECT_EQ(corpora.name_space("ours"), "ours");
  EXPECT_TRUE(corpora.share_patients("ours", "ours"));
  EXPECT_FALSE(corpora.share_patients("ours", "mimic"));
}

TEST(Exposure, SaysWhatPreTrainingHasSeen) {
  const CorpusRelations corpora = CorpusRelations::read("share/corpora/relations.yaml");
  const auto exposure = [&](const std::string& corpus, const std::string& split,
                            const std::vector<std::string>& trained_on) {
    return exposure_of(corpora, corpus, split, trained_on);
  };
  EXPECT_EQ(exposure("rsna", "test", {"nih"}), "full");
  EXPECT_EQ(exposure("nih", "test", {"rsna"}), "part");
  EXPECT_EQ(exposure("siim", "test", {"rsna"}), "part") << "both lie in NIH";
  EXPECT_EQ(exposure("covidx", "test", {"rsna"}), "part");
  EXPECT_EQ(exposure("ms-cxr", "test", {"openi", "mimic"}), "full");
  EXPECT_EQ(exposure("mimic", "test", {"mimic"}), "train");
  EXPECT_EQ(exposure("mimic", "train", {"mimic"}), "full");
  EXPECT_EQ(exposure("mimic", "all", {"mimic"}), "full");
  EXPECT_EQ(exposure("chexpert", "test", {"chexpert-plus"}), "full");
  EXPECT_EQ(exposure("chexpert-5x200", "test", {"chexpert"}), "full");
  EXPECT_EQ(exposure("nih", "test", {"nih", "rsna"}), "part") << "more than its training split";
  EXPECT_EQ(exposure("mimic", "test", {"mimic-cxr"}), "full") << "as others' weights name it";
  EXPECT_EQ(exposure("ms-cxr", "test", {"mimic-cxr-jpg"}), "full");
  EXPECT_EQ(exposure("vindr", "test", {"nih", "mimic"}), "");
  EXPECT_EQ(exposure("ours", "test", {"ours"}), "train");
  EXPECT_EQ(exposure("ours", "test", {}), "");
}

TEST(NamedManifest, ARenamedFolderKeepsTheCorpusItWasPreparedFrom) {
  const CorpusRelations corpora = CorpusRelations::read("share/corpora/relations.yaml");
  const testing::TemporaryFolder folder;
  const std::filesystem::path ours = folder / "ours" / "manifest.jsonl", nih = folder / "nih" / "m";
  for (const std::filesystem::path& manifest : {ours, nih}) {
    make_folder(manifest.parent_path());
    Funnel funnel;
    funnel.record(kCorpusChoice, "rsna");
    funnel.write(manifest.parent_path() / "funnel.json");
  }
  EXPECT_EQ(corpus_of(ours, corpora), "rsna");
  EXPECT_EQ(corpus_of(nih, corpora), "nih") << "the folder says so";
  std::filesystem::create_directory_symlink(folder / "ours", folder / "siim");
  EXPECT_EQ(corpus_of(folder / "siim" / "m", corpora), "siim") << "a link keeps its name";
  std::filesystem::create_directory_symlink(folder / "nih", folder / "linked");
  EXPECT_EQ(corpus_of(folder / "linked" / "m", corpora), "nih") << "so does what it leads to";
  EXPECT_EQ(counted_corpus("siim", ours, corpora), "siim");
  EXPECT_EQ(counted_corpus("my set", ours, corpora), "rsna");
  for (const char* broken : {"{", "[]", R"({"choices": 1})", R"({"choices": {"corpus": 1}})"}) {
    write_file_atomically(ours.parent_path() / "funnel.json", broken);
    EXPECT_EQ(corpus_of(ours, corpora), "") << broken;
    EXPECT_EQ(counted_corpus("", ours, corpora), "ours");
    EXPECT_EQ(counted_corpus("my set", ours, corpora), "my set");
  }
}

TEST(Relations, AFileThatIsNoneIsNamed) {
  const testing::TemporaryFolder folder;
  write_file_atomically(folder / "r.yaml", "relations: [{corpus: a, of: b, names: others}]\n");
  try {
    CorpusRelations::read(folder / "r.yaml");
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("r.yaml: the relation of 'a'"));
  }
}

}  // namespace
}  // namespace biplane
