#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace biplane {

// The strings of a list as Python prints one: "['pleural effusion', \"Hodgkin's\", 'a\\'b']".
// Quotes of both kinds, the escapes \\ \' \" \n \r \t \xHH \uHHHH; a comma may follow the last.
// Nothing for any other text, also for lists that hold something else than strings.
std::optional<std::vector<std::string>> parse_python_list(std::string_view text);

}  // namespace biplane
