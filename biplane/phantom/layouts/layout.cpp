#include "biplane/phantom/layouts/layout.h"

#include "biplane/core/error.h"

namespace biplane {

const std::vector<Layout>& phantom_layouts() {
  static const std::vector<Layout> layouts = {
      native_layout(), pairs_layout(), mimic_layout(),  chexpert_layout(), rsna_layout(),
      siim_layout(),   nih_layout(),   covidx_layout(), openi_layout(),    object_cxr_layout()};
  return layouts;
}

std::string layout_names() {
  std::string names;
  for (const Layout& layout : phantom_layouts())
    names += (names.empty() ? "" : ", ") + std::string(layout.name);
  return names;
}

const Layout& find_layout(const std::string& name) {
  for (const Layout& layout : phantom_layouts())
    if (name == layout.name) return layout;
  throw Error(ErrorKind::kUsage,
              "phantom: layout must be one of " + layout_names() + ", not " + name);
}

}  // namespace biplane
