#include "biplane/corpus/relations.h"

#include <algorithm>
#include <set>

#include "biplane/core/config.h"
#include "biplane/core/error.h"

namespace biplane {
namespace {

struct Relation {
  std::string corpus, of;
  std::string names;          // "same" or "other"
  std::string share = "all";  // of its images: "all" or "part"

  template <class V>
  void visit(V& v) {
    v.field("corpus", corpus);
    v.field("of", of);
    v.field("names", names);
    v.field("share", share);
  }
};

struct RelationsFile {
  std::vector<Relation> relations;
  std::vector<std::string> alone;

  template <class V>
  void visit(V& v) {
    v.field("relations", relations);
    v.field("alone", alone);
  }
};

using Ties = std::map<std::string, std::string>;

// Both corpora and all that is tied to them get one name: the lowest.
void tie(Ties& ties, const std::string& a, const std::string& b) {
  const std::string first = ties.at(a), second = ties.at(b);
  const std::string& lowest = std::min(first, second);
  for (auto& [corpus, tied] : ties)
    if (tied == first || tied == second) tied = lowest;
}

}  // namespace

CorpusRelations CorpusRelations::read(const std::filesystem::path& file) {
  RelationsFile content;
  load_config(ConfigTree::read(file), content);
  CorpusRelations relations;
  for (const std::string& corpus : content.alone) relations.same_people_[corpus] = corpus;
  for (const Relation& relation : content.relations) {
    if (relation.corpus.empty() || relation.of.empty() ||
        (relation.names != "same" && relation.names != "other") ||
        (relation.share != "all" && relation.share != "part")) {
      throw Error(ErrorKind::kUsage,
                  file.string() + ": the relation of '" + relation.corpus +
                      "' needs corpus, of, names: same or other, and share: all or part");
    }
    if (relation.share == "all") relations.wholly_in_.emplace(relation.corpus, relation.of);
    for (const std::string& corpus : {relation.corpus, relation.of})
      relations.same_people_[corpus] = corpus;
  }
  relations.same_names_ = relations.same_people_;
  for (const Relation& relation : content.relations) {
    tie(relations.same_people_, relation.corpus, relation.of);
    if (relation.names == "same") tie(relations.same_names_, relation.corpus, relation.of);
  }
  return relations;
}

std::string CorpusRelations::name_space(const std::string& corpus) const {
  return knows(corpus) ? same_names_.at(corpus) : corpus;
}

bool CorpusRelations::share_patients(const std::string& a, const std::string& b) const {
  return a == b || (knows(a) && knows(b) && same_people_.at(a) == same_people_.at(b));
}

bool CorpusRelations::contained(const std::string& corpus, const std::string& of) const {
  std::set<std::string> seen;
  std::vector<std::string> open{corpus};
  while (!open.empty()) {
    const std::string one = open.back();
    open.pop_back();
    if (one == of) return true;
    if (!seen.insert(one).second) continue;  // corpora may hold each other
    const auto [begin, end] = wholly_in_.equal_range(one);
    for (auto it = begin; it != end; ++it) open.push_back(it->second);
  }
  return false;
}

std::vector<std::string> CorpusRelations::corpora() const {
  std::vector<std::string> names;
  for (const auto& [corpus, tied] : same_people_) names.push_back(corpus);
  return names;
}

}  // namespace biplane
