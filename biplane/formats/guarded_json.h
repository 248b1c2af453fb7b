#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace biplane {

// Parses JSON of a foreign file. Nesting of more than 8 levels, a key that occurs twice in one
// object (which nlohmann::json would accept silently) and text that is not JSON call `refuse` with
// the cause; it must throw. `what` names the text in that cause ("its header").
nlohmann::json parse_guarded_json(std::string_view text, const std::string& what,
                                  const std::function<void(const std::string&)>& refuse);

}  // namespace biplane
