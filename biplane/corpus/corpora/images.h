#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "biplane/corpus/corpora/corpus.h"

namespace biplane {

// The stage of a funnel that counts boxes.
inline constexpr const char* kBoxStage = "boxes inside their image";

// Reads every image of the studies once, in parallel, as far as options.images says, and fills size
// and hash; from a DICOM header also view (if the corpus believes it), sex and age where the tables
// have none. Boxes are scaled where an image is not as large as the tables say. A missing or broken
// image is counted and taken out of its study with its boxes and masks. Throws Error kUsage when
// none of the images is in the root, or when the tables have no sizes and options.images asks for
// those.
void check_images(const Corpus& corpus, std::vector<Study>& studies, const PrepareOptions& options,
                  Funnel& funnel);

// Reads the images of one shard, of all images in the order of the studies, into options.checks.
void check_shard(const std::vector<Study>& studies, const PrepareOptions& options);

// The image files under a folder, by name: corpora are unpacked into folders of many shapes.
class ImageIndex {
 public:
  // By their endings (.dcm, .dicom, .png, .jpg, .jpeg; any case). Links are followed, each folder
  // is entered once. A name has as many parts as are given: 1 is the file's own, 3 has two folders
  // before it ("patient00001/study1/view1_frontal.jpg").
  explicit ImageIndex(const std::filesystem::path& root, int parts = 1);

  // Path relative to the root of the file of this name, with or without its ending: `expected`
  // where that is there, else the first one in the order of the alphabet, else `expected`.
  std::string find(const std::string& name, const std::string& expected);

  // The same where nothing is expected: empty where there is no such file.
  std::string find(const std::string& name) { return find(name, ""); }

  // Counts every file found above, and those that no call of find() gave.
  void count_unused(FunnelStage& stage) const;

 private:
  std::map<std::string, bool> files_;  // path -> given by find()
  std::unordered_map<std::string, std::string> by_name_;
};

}  // namespace biplane
