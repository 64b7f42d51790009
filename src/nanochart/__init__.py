"""nanochart: charts of nanocluster structures."""
