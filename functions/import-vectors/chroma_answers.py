"""Writes what Chroma itself finds, for `import-vectors --verify`: pip install chromadb, then

    python3 chroma_answers.py DIRECTORY COLLECTION [QUERIES] > answers.jsonl

Queries lie halfway between two stored vectors each, so that no query is its own answer.
"""

import json
import random
import sys

import chromadb

TOP_K = 10


def main(directory, name, queries="50"):
    collection = chromadb.PersistentClient(path=directory).get_collection(name, embedding_function=None)
    ids = sorted(collection.get(include=[])["ids"])
    chooser = random.Random(7)
    for _ in range(int(queries)):
        pair = collection.get(ids=chooser.sample(ids, 2), include=["embeddings"])["embeddings"]
        query = [(float(a) + float(b)) / 2 for a, b in zip(*pair)]
        found = collection.query(query_embeddings=[query], n_results=min(TOP_K, len(ids)), include=[])
        print(json.dumps({"query": query, "ids": found["ids"][0]}))


main(*sys.argv[1:])
