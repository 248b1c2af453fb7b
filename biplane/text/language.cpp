#include "biplane/text/language.h"

#include "biplane/text/unicode.h"

namespace biplane {

bool same_language(std::string_view a, std::string_view b) {
  const auto main_part = [](std::string_view name) {
    return lower_case(name.substr(0, name.find_first_of("-_")));
  };
  return a.empty() || b.empty() || main_part(a) == main_part(b);
}

}  // namespace biplane
