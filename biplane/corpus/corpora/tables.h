#pragma once

#include <deque>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "biplane/corpus/funnel.h"
#include "biplane/corpus/study.h"
#include "biplane/formats/csv.h"

namespace biplane {

// The first of these files that is in the folder; nothing where none is.
std::optional<std::filesystem::path> find_table(const std::filesystem::path& folder,
                                                const std::vector<std::string>& names);
// The same for a file that must be there. Throws Error kMissingInput.
std::filesystem::path require_table(const std::filesystem::path& folder,
                                    const std::vector<std::string>& names);

// Files in the folder, sorted, whose paths fit a pattern: each part of it has at most one '*'.
std::vector<std::filesystem::path> files_like(const std::filesystem::path& folder,
                                              const std::string& pattern);

// Where something stands: "file.csv row 7".
std::string place_of(const std::filesystem::path& table, std::int64_t row);

// What is noted of a row or a report with bytes that are no UTF-8 (Latin-1, as a rule).
inline constexpr const char* kForeignLetters = "letters that are not UTF-8 are left out";

// Calls use(row, place) for every row that can be read and counts the others as "unreadable row".
// Throws Error kBadContent for a table without a row.
void each_row(CsvReader& csv, FunnelStage& stage,
              const std::function<void(const CsvRow& row, const std::string& place)>& use);

// A column that the user named. Throws Error kUsage naming the nearest one.
std::size_t given_column(const CsvReader& csv, const std::string& name);

// The trimmed field of a column; empty where the table has no such column.
std::string field(const CsvRow& row, const std::optional<std::size_t>& column);

// Study::age from a table's text; what is no number or above kOldest is counted and left out.
void read_age(const std::string& text, const std::string& example, FunnelStage& stage,
              Study& study);

// Lines of a text file without a header, trimmed, with their numbers (1 for the first); blank ones
// are left out. Throws Error kMissingInput, kIo.
std::vector<std::pair<std::int64_t, std::string>> read_list(const std::filesystem::path& path);

// Removes the studies for which keep(study), called once for each in their order, is false.
void keep_studies(std::vector<Study>& studies, const std::function<bool(Study&)>& keep);

// A box from four numbers as text, or why it is none.
struct BoxResult {
  Box box;
  std::string problem;  // empty: the box has an area
};
BoxResult box_of_corner_and_size(const std::string& label, const std::vector<std::string>& numbers);
BoxResult box_of_corners(const std::string& label, const std::vector<std::string>& numbers);

bool same_place(const Box& a, const Box& b);  // position and size

// Studies being put together from the rows of tables, in the order of first appearance.
class StudyTable {
 public:
  // The study of that name, and true where it is new: then its names and source are set.
  std::pair<Study*, bool> add(const std::string& id, const std::string& patient,
                              const std::filesystem::path& table, std::int64_t row);
  Study* find(const std::string& id);  // null where there is none
  std::deque<Study>& all() { return studies_; }
  std::vector<Study> take();

 private:
  std::deque<Study> studies_;  // pointers into it stay valid
  std::unordered_map<std::string, Study*> places_;
};

}  // namespace biplane
