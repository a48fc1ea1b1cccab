"""What a study has found, for people: figures, rules and tables, as data, HTML, and files of plots.

The data come first (`analysis.analyse`); what draws them (`plots`) and what writes them (`html`) reads
nothing else.
"""
