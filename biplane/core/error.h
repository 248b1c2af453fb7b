#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace biplane {

// What kind of failure an Error is; the program's exit code follows from it (house rules, "Exit
// codes").
enum class ErrorKind {
  kFailure = 1,        // a result that must not pass: a leak, a non-finite loss
  kUsage = 2,          // a bad option, configuration or corpus root
  kBadContent = 65,    // damaged or invalid content
  kMissingInput = 66,  // an input that does not exist
  kIo = 74,            // reading or writing failed
};

// The one exception type of the library. The message is one line and names file, row, key and value
// where they exist, and what to do next where that is not obvious.
class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}
  ErrorKind kind() const { return kind_; }

 private:
  ErrorKind kind_;
};

// End of a message about an unknown name: "; did you mean 'X'?" with the candidate X of the
// smallest edit distance to `name`, if that distance is at most max(2, a third of the length of
// `name`); else `otherwise`.
std::string did_you_mean(std::string_view name, const std::vector<std::string>& candidates,
                         std::string_view otherwise = "");

}  // namespace biplane
