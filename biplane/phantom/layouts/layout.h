#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "biplane/phantom/layouts/label_noise.h"
#include "biplane/phantom/study_maker.h"

namespace biplane {

// A table that grows by rows in the order of the studies. `header` is its first line, verbatim;
// empty: none. A path that ends in ".gz" is compressed.
struct LayoutTable {
  std::string path, header;
};

// A study as a layout describes it. `study` has its final image paths.
struct LayoutStudy {
  const Study& study;
  const StudyPlace& place;
  const std::vector<PhantomImage>& images;  // one a view
  const std::string& style;                 // of acquisition
  std::int64_t seed = 0;
  LabelNoise noise;

  // Errors of this study in one table.
  NoiseStream stream(const std::string& table) const {
    return {noise, static_cast<std::uint64_t>(seed), table, study.study_id};
  }
};

// What a layout writes for a study beside its images.
struct LayoutEntry {
  std::vector<std::pair<std::size_t, std::string>> rows = {};   // (table, line)
  std::vector<std::pair<std::string, std::string>> files = {};  // (path, content)
  std::vector<std::pair<std::string, std::string>> links = {};  // (path, of this written file)
};

// The layout of a corpus on disk (docs/data.md). Both functions are pure and are called from
// many threads.
struct Layout {
  const char* name = "";
  const char* summary = "";               // for --help
  std::vector<const char*> formats = {};  // of images; the first one where none is asked for
  bool laterals = true;                   // false: frontal views only
  double second_frontal = 0;    // share of studies with a frontal that has a second one, AP
  bool hardware = false;        // sternal wires and clips are labelled too
  std::int64_t largest = 2048;  // side of the images
  std::vector<std::string> styles = {};  // of acquisition, drawn at equal shares; empty: all
  int bits = 14;                         // stored in a DICOM image
  double monochrome1 = 0;                // share of studies stored inverted
  LabelNoise noise = {};
  std::vector<LayoutTable> tables = {};
  // Sets the path of every view (relative to the output folder) with the given ending (".jpg");
  // null: the phantom's own paths stay.
  void (*name_views)(const StudyPlace& place, const std::string& ending, std::int64_t seed,
                     Study& study) = nullptr;
  LayoutEntry (*describe)(const LayoutStudy& study) = nullptr;
};

// All layouts, "native" first.
const std::vector<Layout>& phantom_layouts();
// Throws Error kUsage naming the layouts there are.
const Layout& find_layout(const std::string& name);
// "native, pairs, mimic, ..."
std::string layout_names();

// One a corpus, each in a file of its own.
Layout native_layout();
Layout pairs_layout();
Layout mimic_layout();
Layout chexpert_layout();
Layout rsna_layout();
Layout siim_layout();
Layout nih_layout();
Layout covidx_layout();
Layout openi_layout();
Layout object_cxr_layout();

}  // namespace biplane
