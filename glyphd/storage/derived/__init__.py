"""What is derived from the events and stored beside them, with a module for each fact.

Everything here follows from the events that count, never from the order in which things happened.
`all_facts` has the list: a new fact is a new module and a line there.
"""
